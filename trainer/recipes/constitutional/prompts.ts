/** The prompts to which a job writes replies. */
import type { Example, TrainingMessage } from "../../../shared/data/example.ts";
import { parsePrompts } from "../../../shared/data/prompt-line.ts";
import type { Dataset } from "../recipe.ts";

/** A text, or a conversation that the assistant is to answer. */
export interface PromptText {
  readonly prompt: string | readonly TrainingMessage[];
  readonly tools?: readonly unknown[] | undefined;
}

export interface AskedPrompt extends PromptText {
  /** The line of the file, counted from 1. */
  readonly line: number;
  /** The line, for templates of graders. */
  readonly item: Readonly<Record<string, unknown>>;
}

/** Every prompt of a file. Throws `invalid_file` with the line's number and what to change. */
export function readPrompts({ bytes, name }: Pick<Dataset, "bytes" | "name">): AskedPrompt[] {
  return [...parsePrompts(bytes, { name })].map(({ line, example, item }) => ({ line, item, ...promptOf(example) }));
}

function promptOf(example: Example): PromptText {
  if (example.kind !== "chat") return { prompt: example.kind === "completion" ? example.prompt : example.text };
  const { messages, tools } = example;
  return { prompt: messages, ...(tools === undefined ? {} : { tools }) };
}

/** A prompt as one text, for people and for models that are asked about it. */
export function promptAsText({ prompt }: PromptText): string {
  if (typeof prompt === "string") return prompt;
  const [only] = prompt;
  if (prompt.length === 1 && only!.role === "user") return only!.content;
  return prompt.map(({ role, content }) => `${role}: ${content}`).join("\n");
}
