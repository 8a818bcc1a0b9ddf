import { type Columns, isRecord } from "../columns.ts";
import { assistantTurn, chatExample, systemTurn, type TrainingMessage, userTurn } from "../example.ts";
import { MAX_MESSAGES } from "../messages.ts";
import { readToolCall } from "../tools.ts";
import type { LineFormat } from "./format.ts";

const SPEAKERS = /^(USER|ASSISTANT|FUNCTION RESPONSE):/m;
const isTranscript = (value: unknown) => typeof value === "string" && SPEAKERS.test(value);

/** Glaive's function calling, version 2: what the system says in one column, the transcript in another. */
export const glaive: LineFormat = {
  id: "glaive",
  name: "Glaive",
  keys: ["system", "chat"],
  fits: ({ chat }) => isTranscript(chat),
  read: (columns) => transcript(columns, columns.text("system"), { column: "chat", text: columns.text("chat") }),
};

/** The same, version 1: one column with both. */
export const glaiveSample: LineFormat = {
  id: "glaive_sample",
  name: "Glaive's first version",
  keys: ["sample"],
  fits: ({ sample }) => isTranscript(sample),
  read(columns) {
    const text = columns.text("sample");
    const first = text.search(SPEAKERS);
    const system = first < 0 ? "" : text.slice(0, first);
    return transcript(columns, system, { column: "sample", text: text.slice(system.length) });
  },
};

interface Transcript {
  readonly column: string;
  readonly text: string;
}

function transcript(columns: Columns, system: string, { column, text }: Transcript) {
  const [before = "", ...turns] = text.split(new RegExp(SPEAKERS.source, "gm"));
  if (before.trim() !== "" || turns.length === 0) {
    throw columns.error(column, "must begin with USER:, ASSISTANT: or FUNCTION RESPONSE:");
  }
  if (turns.length / 2 > MAX_MESSAGES) {
    throw columns.error(column, `must have at most ${MAX_MESSAGES} turns; split it`);
  }
  const messages: TrainingMessage[] = [];
  for (let at = 0; at < turns.length; at += 2) {
    const said = turns[at + 1]!.replace(/<\|endoftext\|>\s*$/, "").trim();
    if (turns[at] === "ASSISTANT") messages.push(assistantSaid(columns, said, { column, turn: at / 2 }));
    else messages.push(turns[at] === "USER" ? userTurn(said) : { role: "tool", content: said });
  }
  const { said, tools } = systemSaid(columns, system, column === "chat" ? "system" : column);
  return chatExample([...systemTurn(said), ...messages], tools);
}

/** The system's text, and the functions that follow it as JSON, an object after another, each from the start of a line. */
function systemSaid(columns: Columns, text: string, column: string): { said: string; tools?: readonly unknown[] } {
  const [said = "", ...functions] = text.replace(/^\s*SYSTEM:/, "").split(/^(?=\{)/m);
  if (functions.length === 0) return { said: said.trim() };
  const tools = functions.map((json, at) => {
    const declared = parsed(json);
    if (isRecord(declared) && typeof declared.name === "string") return { type: "function", function: declared };
    throw columns.error(column, `function ${at + 1} must be the JSON of an object with a name`);
  });
  return { said: said.trim(), tools };
}

const CALL = "<functioncall>";

/** A text, a call, or a text before one. */
function assistantSaid(
  columns: Columns,
  said: string,
  { column, turn }: { column: string; turn: number },
): TrainingMessage {
  const at = said.indexOf(CALL);
  if (at < 0) return assistantTurn(said);
  const path = `${column}[${turn}]`;
  const call = callOf(said.slice(at + CALL.length));
  if (call === undefined) {
    throw columns.error(path, `must have {"name": …, "arguments": '{…}'} behind ${CALL}, with JSON in the quotes`);
  }
  return { ...assistantTurn(said.slice(0, at).trim()), tool_calls: [readToolCall(columns, call, path)] };
}

/** A call is JSON, but for its arguments: those are JSON text in single quotes. */
function callOf(text: string): unknown {
  const whole = parsed(text);
  if (isRecord(whole)) return whole;
  const [, name, quoted] = /^\s*\{\s*"name":\s*"([^"]*)",\s*"arguments":\s*'(.*)'\s*\}\s*$/s.exec(text) ?? [];
  const given = quoted?.replaceAll("\\'", "'");
  return given !== undefined && isRecord(parsed(given)) ? { name, arguments: given } : undefined;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
