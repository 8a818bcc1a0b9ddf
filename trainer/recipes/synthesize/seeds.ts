import type { Example } from "../../../shared/data/example.ts";
import { parseTrainingFile } from "../../../shared/data/training-lines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { Shot } from "../../../shared/synthesis/requests.ts";
import type { Dataset } from "../recipe.ts";

/** A task of the seed file. */
export interface Seed extends Shot {
  /** The line of the file, counted from 1. */
  readonly line: number;
}

/**
 * The tasks of a file: what is asked first, and the answer. Lines without either are left out.
 *
 * @throws TrimtabError invalid_file at the first bad line, invalid_dataset for a file without a task.
 */
export function readSeeds({ bytes, name }: Pick<Dataset, "bytes" | "name">): Seed[] {
  const seeds = [...parseTrainingFile(bytes, { name })].flatMap(({ line, example }): Seed[] => {
    const shot = shotOf(example);
    return shot === null ? [] : [{ line, ...shot }];
  });
  if (seeds.length > 0) return seeds;
  const message = `\`training_file\`: ${name} has no task to begin with: no line with an instruction and its output.`;
  throw new TrimtabError("invalid_dataset", message, { param: "training_file" });
}

/** The texts of an evaluation set, each line as one. Throws `invalid_file` at the first bad line. */
export function readTexts({ bytes, name }: Pick<Dataset, "bytes" | "name">): string[] {
  return [...parseTrainingFile(bytes, { name })].map(({ example }) => {
    if (example.kind === "chat") return example.messages.map(({ content }) => content).join("\n");
    return example.kind === "completion" ? `${example.prompt}\n${example.completion}` : example.text;
  });
}

function shotOf(example: Example): Shot | null {
  if (example.kind === "led") return null;
  if (example.kind === "completion") return whole(example.prompt, example.completion);
  const { messages } = example;
  const asked = messages.findIndex(({ role }) => role === "user");
  const answered = messages.find(({ role }, at) => role === "assistant" && at > asked);
  return asked < 0 || answered === undefined ? null : whole(messages[asked]!.content, answered.content);
}

function whole(instruction: string, output: string): Shot | null {
  const shot = { instruction: instruction.trim(), output: output.trim() };
  return shot.instruction === "" || shot.output === "" ? null : shot;
}
