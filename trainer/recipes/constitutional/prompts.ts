/** The prompts to which a job writes replies. */
import { Columns, isRecord, recordError } from "../../../shared/data/columns.ts";
import type { TrainingMessage } from "../../../shared/data/example.ts";
import { readMessages } from "../../../shared/data/messages.ts";
import { parseJsonl } from "../../../shared/formats/jsonl.ts";
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

export function readPrompts({ bytes, name }: Dataset): AskedPrompt[] {
  const asked: AskedPrompt[] = [];
  for (const { number, value } of parseJsonl(bytes, { name })) {
    const place = { number, unit: "line", file: name } as const;
    if (!isRecord(value)) throw recordError(place, " is not a JSON object");
    const columns = new Columns(value, place);
    const prompt = value.messages == null ? columns.text("prompt") : readMessages(columns, "messages");
    asked.push({ line: number, prompt, item: value });
  }
  return asked;
}

/** A prompt as one text, for people and for models that are asked about it. */
export function promptAsText({ prompt }: PromptText): string {
  if (typeof prompt === "string") return prompt;
  const [only] = prompt;
  if (prompt.length === 1 && only!.role === "user") return only!.content;
  return prompt.map(({ role, content }) => `${role}: ${content}`).join("\n");
}
