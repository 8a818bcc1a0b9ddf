/**
 * Reads prompts that a model is to answer by itself:
 *
 *   {"messages": [turns], …}         the last turn is the user's, or a tool's result
 *   {"prompt": text or turns, …}
 *
 * The whole line is the `item` of graders, so that any further field can hold what a reply is graded by.
 */
import { type JsonlOptions, parseJsonl } from "../formats/jsonl.ts";
import { quoteName } from "../formats/strict-json.ts";
import { Columns, isRecord, type RecordPlace, recordError } from "./columns.ts";
import { chatExample, type Example, type TrainingMessage } from "./example.ts";
import { holdsMessages, readMessages } from "./messages.ts";
import { readTools } from "./tools.ts";
import { isMetadata } from "./training-lines.ts";

export interface PromptLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  /** What the model reads, up to where its reply begins. */
  readonly example: Example;
  /** The line as it is. */
  readonly item: Readonly<Record<string, unknown>>;
}

/** The columns that a prompt is read from. */
export const PROMPT_COLUMNS = ["messages", "prompt", "tools", "functions"] as const;
/** Columns of lines that are answered already, so that they are something else than prompts. */
const ANSWERS = ["completion", "completions", "chosen", "rejected", "positive", "negative", "target_new"] as const;

/** Whether a record has a prompt that nothing in it answers. */
export function isPromptRecord(value: Readonly<Record<string, unknown>>): boolean {
  if (ANSWERS.some((key) => value[key] != null)) return false;
  if (value.messages == null) return value.prompt != null;
  const last = Array.isArray(value.messages) ? value.messages.at(-1) : undefined;
  return isRecord(last) && ["user", "tool", "function"].includes(String(last.role));
}

/** Whether a table with these columns can have prompts in its rows. */
export function mayHoldPrompts(columns: readonly string[]): boolean {
  const has = (names: readonly string[]) => names.some((name) => columns.includes(name));
  return has(["messages", "prompt"]) && !has(ANSWERS);
}

/** Every prompt of a file in memory. Throws `invalid_file` at the first line that is wrong. */
export function* parsePrompts(bytes: Uint8Array, options: JsonlOptions = {}): Generator<PromptLine, void> {
  const { name: file = "the file" } = options;
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (!isMetadata(value, records)) yield { line: number, ...readPromptRecord(value, { number, unit: "line", file }) };
  }
}

/** Reads one record. Throws `invalid_file` with its place, the field and what to change. */
export function readPromptRecord(value: unknown, place: RecordPlace): Omit<PromptLine, "line"> {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const columns = new Columns(value, place);
  const name = (["messages", "prompt"] as const).find((one) => value[one] != null);
  if (name === undefined) {
    const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
    throw recordError(place, ` has no prompt: its fields are ${found}; expected messages, or prompt`);
  }
  const tools = readTools(columns);
  const given = columns.take(name);
  if (name === "prompt" && !holdsMessages(given) && !Array.isArray(given)) {
    const prompt = columns.text(name);
    if (prompt.trim() === "") throw columns.error(name, "must not be empty");
    if (tools !== undefined)
      throw columns.error("tools", "need a prompt of messages, since a plain text shows no tools");
    return { example: { kind: "completion", prompt, completion: "" }, item: value };
  }
  const messages = readMessages(columns, name);
  const last = messages.at(-1)!;
  if (last.role !== "user" && last.role !== "tool") {
    const advice =
      last.role === "assistant"
        ? "the model writes that turn itself; remove it, or put its text in a field of its own, such as answer, for graders to read as {{item.answer}}"
        : "the model needs a turn to answer";
    throw columns.error(name, `must end with the user's turn, not with ${last.role}: ${advice}`);
  }
  return { example: chatExample(messages.map(untrained), tools), item: value };
}

/** The same turn, of which nothing is trained on. */
function untrained(turn: TrainingMessage): TrainingMessage {
  return turn.role === "assistant" ? { ...turn, weight: 0 } : turn;
}
