/** The files of a job: what can be trained on, where each line comes from, and what was rejected. Pure functions of the records. */
import { SYNTHETIC_FILE } from "../../../shared/api/synthesis-report.ts";
import type { Templates } from "../../../shared/synthesis/requests.ts";
import { inParts } from "../constitutional/files.ts";
import type { KeptFile } from "../recipe.ts";
import { keptOf, type SynthesisRecord } from "./records.ts";

export interface FileParts {
  readonly model: string;
  readonly answerer: string | null;
  /** Whether the model has a chat template: then lines are conversations, otherwise texts to continue. */
  readonly chat: boolean;
  readonly templates: Templates;
}

export function synthesisFiles(records: readonly SynthesisRecord[], parts: FileParts): KeptFile[] {
  const kept = keptOf(records);
  const rejected = records.filter((record) => record.rejected !== null);
  const line = ({ instruction, output }: (typeof kept)[number]): object => {
    if (parts.chat) return { messages: [turn("user", instruction), turn("assistant", output)] };
    const { task, answer } = parts.templates;
    return { prompt: `${task} ${instruction}\n${answer}`, completion: ` ${output}` };
  };
  const provenance = (
    { rejected: _, passed, instruction, output, ...record }: SynthesisRecord,
    at: number,
  ): object => ({
    line: at + 1,
    ...record,
    model: parts.model,
    answerer: parts.answerer ?? parts.model,
    kept_because: passed,
    instruction,
    output,
  });
  return [
    ...(kept.length === 0 ? [] : [{ name: SYNTHETIC_FILE, bytes: jsonl(kept.map(line)) }]),
    { name: "provenance.jsonl", bytes: jsonl(kept.map(provenance)) },
    { name: "rejected.jsonl", bytes: jsonl(rejected) },
  ].flatMap((file) => inParts(file));
}

const turn = (role: "user" | "assistant", content: string) => ({ role, content });

function jsonl(lines: readonly object[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
