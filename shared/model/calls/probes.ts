/**
 * The conversations by which a template shows how it writes calls, and where in its text the parts of a call are.
 */
import type { ChatMessage } from "../chat-message.ts";
import type { CallIds, Slot } from "./syntax.ts";

/** A call whose parts are told from everything else in a rendered text. */
export interface Probe {
  readonly name: string;
  readonly id: string;
  readonly key: string;
  readonly value: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export const QUESTION: ChatMessage = { role: "user", content: "question" };
export const TEXT = "zq-reply-zq";
export const THOUGHT = "zq-thought-zq";

/** Three, since two calls do not show whether calls are numbered. */
export const PROBES: readonly Probe[] = ["one", "two", "six"].map((word) => {
  const [key, value] = [`zq_key_${word}`, `zq value ${word}`];
  return { name: `zq_name_${word}`, id: `zqCall${word}`, key, value, arguments: { [key]: value, zqn: [7, true] } };
});

export const PROBE_TOOLS: readonly unknown[] = PROBES.map(({ name, key }) => ({
  type: "function",
  function: {
    name,
    description: "a tool",
    parameters: { type: "object", properties: { [key]: { type: "string", description: "a text" } }, required: [key] },
  },
}));

/** An assistant's turn with these calls. Ids that may be `any` have the form that this server gives them. */
export function callTurn(content: string, probes: readonly Probe[], ids: CallIds): ChatMessage {
  return {
    role: "assistant",
    content,
    tool_calls: probes.map((probe) => ({
      id: ids === "short" ? probe.id : longId(probe),
      type: "function",
      function: { name: probe.name, arguments: JSON.stringify(probe.arguments) },
    })),
  };
}

/** An id of the form that this server gives; some templates write its last nine characters. */
function longId({ id }: Probe): string {
  return `call_000000000000000${id}`;
}

export interface Place {
  readonly slot: Slot;
  readonly start: number;
  readonly end: number;
}

/** Why a template's calls cannot be read or constrained, as the end of a sentence that begins with "its chat template". */
export class CallProblem extends Error {
  constructor(message = "does not write the calls of an assistant's turn") {
    super(message);
  }
}

/** The slots of one call in the order of the text. Throws a `CallProblem` if there is not one name and one JSON object. */
export function placesOf(text: string, probe: Probe): Place[] {
  const names = startsOf(text, probe.name);
  if (names.length === 0) throw new CallProblem();
  if (names.length > 1) throw new CallProblem("writes the name of a call more than once");
  const places: Place[] = [
    { slot: "name", start: names[0]!, end: names[0]! + probe.name.length },
    { slot: "arguments", ...argumentsIn(text, probe) },
  ];
  for (const id of [longId(probe), probe.id]) {
    const ids = startsOf(text, id);
    if (ids.length > 1) throw new CallProblem("writes the id of a call more than once");
    if (ids.length === 0) continue;
    places.push({ slot: "id", start: ids[0]!, end: ids[0]! + id.length });
    break;
  }
  return places.sort((a, b) => a.start - b.start);
}

function startsOf(text: string, part: string): number[] {
  const starts: number[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) starts.push(at);
  return starts;
}

function argumentsIn(text: string, { key, value, arguments: given }: Probe): { start: number; end: number } {
  const at = text.indexOf(key);
  if (at < 0) throw new CallProblem("leaves out the arguments of calls");
  const start = text.lastIndexOf("{", at);
  // The object ends at one of the braces that follow its value.
  for (let end = text.indexOf("}", at); start >= 0 && end >= 0; end = text.indexOf("}", end + 1)) {
    if (isSame(text.slice(start, end + 1), given)) return { start, end: end + 1 };
  }
  const before = text.slice(0, at);
  if (/\\+["']$/.test(before)) throw new CallProblem("writes arguments as a text with JSON in it");
  if (/'$/.test(before)) throw new CallProblem("writes arguments as Python would");
  if (text.slice(at).startsWith(`${key}=`)) throw new CallProblem("writes calls as Python code");
  if (text.includes(value)) throw new CallProblem("writes each argument by itself");
  throw new CallProblem("does not write arguments as a JSON object");
}

function isSame(json: string, given: unknown): boolean {
  try {
    return JSON.stringify(JSON.parse(json)) === JSON.stringify(given);
  } catch {
    return false;
  }
}
