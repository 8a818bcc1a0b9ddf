/**
 * Conversations in common forms: OpenAI's messages, ShareGPT's `from` and `value`, Gemini's `parts`, and any of these
 * as the JSON text of a table's cell.
 */
import { type Columns, isRecord, kindOf } from "./columns.ts";
import type { TrainingMessage } from "./example.ts";
import { readToolCall, readToolCalls } from "./tools.ts";

export const MAX_MESSAGES = 1000;

/** The names that datasets use for the speakers, in lower case. */
const ROLES: Readonly<Record<string, TrainingMessage["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  prompter: "user",
  assistant: "assistant",
  gpt: "assistant",
  chatgpt: "assistant",
  bing: "assistant",
  bard: "assistant",
  model: "assistant",
  bot: "assistant",
  chatbot: "assistant",
  ai: "assistant",
  function_call: "assistant",
  tool: "tool",
  function: "tool",
  observation: "tool",
  function_response: "tool",
  tool_response: "tool",
  ipython: "tool",
};

/** Fields that templates may show, passed on as they are. */
const PASSED_ON = ["name", "tool_call_id", "reasoning_content", "reasoning", "thinking"];

/** Alternative names for the same field of a message; the first one present counts. */
const CONTENT_FIELDS = ["content", "value", "parts", "text"];

/**
 * Reads the conversation in a column. Throws `invalid_file`, naming the field. Reports unknown fields of a message to
 * `columns` as ignored.
 */
export function readMessages(columns: Columns, name: string): TrainingMessage[] {
  const given = columns.json(name);
  // A single message is a conversation with one turn.
  const value = isRecord(given) ? [given] : given;
  if (!Array.isArray(value)) throw columns.error(name, `must be a list of messages, not ${kindOf(value)}`);
  if (value.length === 0) throw columns.error(name, "must not be empty");
  if (value.length > MAX_MESSAGES) {
    throw columns.error(name, `must have at most ${MAX_MESSAGES} messages, but has ${value.length}; split it`);
  }
  return value.map((message, index) => readMessage(columns, message, `${name}[${index}]`));
}

/** Whether a value is a conversation, or a message, and not a text. */
export function holdsMessages(value: unknown): boolean {
  return Array.isArray(value) ? value.some(isRecord) : isMessage(value);
}

const isMessage = (value: unknown) => isRecord(value) && (Object.hasOwn(value, "role") || Object.hasOwn(value, "from"));

function readMessage(columns: Columns, value: unknown, path: string): TrainingMessage {
  if (!isRecord(value)) throw columns.error(path, `must be an object with role and content, not ${kindOf(value)}`);
  const field = (name: string) => value[name] ?? undefined;
  const roleField = field("role") === undefined && field("from") !== undefined ? "from" : "role";
  const speaker = field(roleField);
  const known = typeof speaker === "string" ? speaker.toLowerCase() : "";
  const role = Object.hasOwn(ROLES, known) ? ROLES[known]! : undefined;
  if (role === undefined) {
    const names = roleField === "from" ? "system, human, gpt or tool" : "system, developer, user, assistant or tool";
    throw columns.error(`${path}.${roleField}`, `must be ${names}`);
  }
  const contentField = CONTENT_FIELDS.find((name) => field(name) !== undefined) ?? "content";
  const text = readContent(columns, field(contentField), `${path}.${contentField}`);
  const turn: Record<string, unknown> = {};
  for (const name of PASSED_ON) {
    const given = field(name);
    if (given === undefined) continue;
    if (typeof given !== "string") throw columns.error(`${path}.${name}`, `must be a text, not ${kindOf(given)}`);
    turn[name] = given;
  }
  const used = [roleField, contentField, "weight", ...PASSED_ON];
  if (role === "assistant") {
    used.push("tool_calls", "function_call", "refusal");
    if (field("refusal") !== undefined) {
      throw columns.error(`${path}.refusal`, "cannot be trained on; put its text in content");
    }
    const calls = callsOf(columns, { value, path, called: known === "function_call" ? text : undefined });
    if (calls !== undefined) turn.tool_calls = calls;
    const content = known === "function_call" ? "" : text;
    if (content === undefined && calls === undefined) {
      throw columns.error(`${path}.${contentField}`, "must be a text where there are no tool_calls");
    }
    const weight = weightOf(columns, field("weight"), path);
    noteIgnored(columns, { value, path, used });
    return { role, content: content ?? "", ...turn, ...(weight === undefined ? {} : { weight }) };
  }
  if (text === undefined) throw columns.error(`${path}.${contentField}`, "must be a text");
  // Only assistant turns are trained on, so a weight of 0 elsewhere is redundant.
  if (Number(field("weight") ?? 0) !== 0) columns.ignore(`${listName(path)}.weight of ${role} messages`);
  noteIgnored(columns, { value, path, used });
  return { role, content: text, ...turn };
}

interface CalledMessage {
  readonly value: Readonly<Record<string, unknown>>;
  readonly path: string;
  /** The text of a `function_call` turn, which is the call itself. */
  readonly called: string | undefined;
}

function callsOf(columns: Columns, { value, path, called }: CalledMessage): unknown[] | undefined {
  if (called !== undefined) {
    let call: unknown;
    try {
      call = JSON.parse(called);
    } catch {
      throw columns.error(path, "must be the JSON of a call with name and arguments");
    }
    return [call].flat().map((one, index) => readToolCall(columns, one, `${path}[${index}]`));
  }
  const calls = readToolCalls(columns, value.tool_calls ?? undefined, `${path}.tool_calls`);
  // OpenAI's form before tools: the only call of a turn.
  if (calls !== undefined || value.function_call == null) return calls;
  return [readToolCall(columns, value.function_call, `${path}.function_call`)];
}

function noteIgnored(
  columns: Columns,
  { value, path, used }: { value: Readonly<Record<string, unknown>>; path: string; used: readonly string[] },
): void {
  for (const name of Object.keys(value)) {
    if (value[name] == null || used.includes(name) || isEmptyList(value[name])) continue;
    columns.ignore(`${listName(path)}.${name}`);
  }
}

const isEmptyList = (value: unknown) => Array.isArray(value) && value.length === 0;

/** `messages[3]` → `messages[]` */
const listName = (path: string) => path.replace(/\[\d+\]$/, "[]");

/**
 * The text of a message: a text, or parts of text. undefined where there is none. Also takes the `system` of a whole record.
 */
export function readContent(columns: Columns, value: unknown, path: string): string | undefined {
  if (value == null) return undefined;
  if (typeof value === "string") return value;
  if (!Array.isArray(value) || value.length === 0) throw columns.error(path, "must be a text");
  return value
    .map((part, index) => {
      if (typeof part === "string") return part;
      const { type = "text", text } = isRecord(part) ? part : {};
      if (typeof text === "string" && /^(text|input_text|output_text)$/.test(String(type ?? "text"))) return text;
      const what = type === "text" || type === null ? "has no text" : `is ${JSON.stringify(type)}`;
      throw columns.error(
        `${path}[${index}].type`,
        `${what}, but only text parts can be trained on; remove the part or the whole record`,
      );
    })
    .join("");
}

function weightOf(columns: Columns, value: unknown, path: string): 0 | 1 | undefined {
  if (value === undefined) return undefined;
  const weight = typeof value === "boolean" ? Number(value) : value;
  if (weight === 0 || weight === 1) return weight;
  throw columns.error(`${path}.weight`, "must be 0 or 1: a turn is trained on or not");
}
