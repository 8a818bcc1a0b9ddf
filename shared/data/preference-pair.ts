/**
 * Reads pairs of a better and a worse answer to one prompt, in OpenAI's form and in the forms of preference datasets:
 *
 *   {"input": {"messages", "tools"?}, "preferred_output": [turns], "non_preferred_output": [turns]}
 *   {"prompt", "chosen", "rejected"}   texts or lists of turns; the sides may repeat the prompt's turns
 *   {"chosen", "rejected"}             the prompt is what both begin with
 */
import { type JsonlOptions, parseJsonl } from "../formats/jsonl.ts";
import { quoteName } from "../formats/strict-json.ts";
import { LIMITS } from "../limits.ts";
import { Columns, isRecord, kindOf, type RecordPlace, recordError } from "./columns.ts";
import { readWritten, requireDifferent, turnsOf, type Written } from "./completion.ts";
import { chatExample, type Example, userTurn } from "./example.ts";
import { readMessages } from "./messages.ts";
import { sharedText, sharedTurns } from "./preference-prompt.ts";
import { readTools } from "./tools.ts";
import { isMetadata } from "./training-lines.ts";

/** Only `chosen` and `rejected` are trained on; both have the same prompt, which is a text or turns. */
export interface PreferencePair {
  readonly prompt: Written;
  readonly chosen: Written;
  readonly rejected: Written;
  readonly tools?: readonly unknown[];
  /** By how much the chosen reward is to exceed the rejected one, for reward models. */
  readonly margin?: number;
  /** What the sides were rated, for reward models. */
  readonly ratings?: { readonly chosen: number; readonly rejected: number };
}

export interface PreferenceLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly pair: PreferencePair;
}

export interface PreferenceRecord {
  readonly pair: PreferencePair;
  readonly layout: string;
  /** The parts of the record that are left out, by name. */
  readonly ignored: readonly string[];
}

/** The columns of the two forms, the better answer first. */
const OPENAI = ["preferred_output", "non_preferred_output"] as const;
const CHOSEN = ["chosen", "rejected"] as const;
/** Numbers that a pair of either form may have: what reward models make of it, see `PreferencePair`. */
const NUMBERS = ["margin", "chosen_rating", "rejected_rating"] as const;
const SAME = "change one of them or remove the pair";

/** The columns that a pair is read from. */
export const PREFERENCE_COLUMNS = ["input", ...OPENAI, "prompt", ...CHOSEN, "tools", "functions", ...NUMBERS] as const;

/** Whether a record has both sides of a pair. */
export function isPreferenceRecord(value: unknown): boolean {
  return isRecord(value) && [OPENAI, CHOSEN].some((keys) => keys.every((key) => value[key] != null));
}

/** Every pair of a file in memory. Throws `invalid_file` at the first line that is not a pair. */
export function* parsePreferencePairs(bytes: Uint8Array, options: JsonlOptions = {}): Generator<PreferenceLine, void> {
  const { name: file = "the file" } = options;
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (isMetadata(value, records)) continue;
    yield { line: number, pair: readPreferenceRecord(value, { number, unit: "line", file }).pair };
  }
}

/**
 * Reads one record. Throws `invalid_file` with its place, the field and what to change: sides that are empty, equal or answer
 * different prompts, say.
 */
export function readPreferenceRecord(value: unknown, place: RecordPlace): PreferenceRecord {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const columns = new Columns(value, place);
  if (OPENAI.some((key) => value[key] != null)) return openAiRecord(columns, place);
  if (CHOSEN.some((key) => value[key] != null)) return chosenRecord(columns);
  const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
  throw recordError(
    place,
    ` is not a preference pair: its fields are ${found}; expected prompt + chosen + rejected, or input + preferred_output + non_preferred_output`,
  );
}

/** The two texts to compare, as training reads them. */
export function pairExamples({ prompt, chosen, rejected, tools }: PreferencePair): [Example, Example] {
  return [answeredPrompt(prompt, chosen, tools), answeredPrompt(prompt, rejected, tools)];
}

/** A completion behind its prompt. No turn of the prompt is trained on. */
export function answeredPrompt(prompt: Written, completion: Written, tools?: readonly unknown[]): Example {
  if (typeof prompt === "string" && typeof completion === "string") return { kind: "completion", prompt, completion };
  const asked = (typeof prompt === "string" ? [userTurn(prompt)] : prompt).map((turn) =>
    turn.role === "assistant" ? { ...turn, weight: 0 as const } : turn,
  );
  return chatExample([...asked, ...turnsOf(completion)], tools);
}

function openAiRecord(columns: Columns, place: RecordPlace): PreferenceRecord {
  const input = columns.json("input");
  if (!isRecord(input)) throw columns.error("input", `must be an object with messages, not ${kindOf(input)}`);
  // Under the names by which errors show them.
  const inner = new Columns(Object.fromEntries(Object.entries(input).map(([name, v]) => [`input.${name}`, v])), place);
  const prompt = readMessages(inner, "input.messages");
  const tools = readTools(new Columns(input, place));
  for (const name of ["tools", "functions", "function_call", "parallel_tool_calls"]) inner.take(`input.${name}`);
  const [chosen, rejected] = OPENAI.map((key) => checkedCompletion(columns, key, readMessages(columns, key)));
  const given = { ...(tools === undefined ? {} : { tools }), ...readNumbers(columns) };
  const pair = { prompt, chosen: chosen!, rejected: rejected!, ...given };
  requireDifferent(columns, { [OPENAI[0]]: pair.chosen, [OPENAI[1]]: pair.rejected }, SAME);
  return { pair, layout: "OpenAI's preference pair", ignored: [...columns.ignored(), ...inner.ignored()] };
}

function chosenRecord(columns: Columns): PreferenceRecord {
  const tools = readTools(columns);
  const given = columns.take("prompt") === undefined ? undefined : readWritten(columns, "prompt");
  const sides = { chosen: readWritten(columns, "chosen"), rejected: readWritten(columns, "rejected") };
  requireDifferent(columns, sides, SAME);
  const split = splitPrompt(columns, given, sides);
  for (const key of CHOSEN) checkedCompletion(columns, key, split[key]);
  requireDifferent(columns, { chosen: split.chosen, rejected: split.rejected }, SAME);
  const numbers = readNumbers(columns);
  return {
    pair: { ...split, ...(tools === undefined ? {} : { tools }), ...numbers },
    layout: "preference pair",
    ignored: columns.ignored(),
  };
}

type GivenSides = Pick<PreferencePair, "chosen" | "rejected">;

function splitPrompt(
  columns: Columns,
  given: Written | undefined,
  { chosen, rejected }: GivenSides,
): GivenSides & Pick<PreferencePair, "prompt"> {
  if (typeof chosen === "string" && typeof rejected === "string") {
    if (given !== undefined) return { prompt: given, chosen, rejected };
    const prompt = sharedText(chosen, rejected);
    return { prompt, chosen: chosen.slice(prompt.length), rejected: rejected.slice(prompt.length) };
  }
  const turns = { chosen: turnsOf(chosen), rejected: turnsOf(rejected) };
  const isWhole = CHOSEN.map((key) => turns[key][0]!.role !== "assistant");
  if (!isWhole.includes(true)) {
    if (given === undefined) throw columns.error("prompt", "is missing: chosen and rejected begin with an answer");
    return { prompt: given, ...turns };
  }
  const shared = sharedTurns(turns.chosen, turns.rejected, given);
  if (shared === 0) {
    throw columns.error(
      "rejected",
      `answers another prompt than chosen${given === undefined ? "" : ", or than the record's prompt"}; both sides of a pair must begin with the same turns`,
    );
  }
  return {
    prompt: turns.chosen.slice(0, shared),
    chosen: turns.chosen.slice(shared),
    rejected: turns.rejected.slice(shared),
  };
}

/** The completion, which must have something to train on. */
function checkedCompletion<T extends Written>(columns: Columns, name: string, completion: T): T {
  const turns = turnsOf(completion);
  const last = turns.at(-1);
  if (last === undefined) throw columns.error(name, "must have an answer after the turns that both sides share");
  if (last.role !== "assistant" || turns[0]!.role !== "assistant") {
    throw columns.error(name, `must be turns of the assistant after the prompt, not of the ${last.role}`);
  }
  if (last.content.trim() === "" && last.tool_calls === undefined) throw columns.error(name, "must not be empty");
  return completion;
}

function readNumbers(columns: Columns): Pick<PreferencePair, "margin" | "ratings"> {
  const [margin, chosen, rejected] = NUMBERS.map((name) => {
    const value = columns.take(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Math.abs(value) <= LIMITS.rating) return value;
    throw columns.error(name, `must be a number between −${LIMITS.rating} and ${LIMITS.rating}, not ${kindOf(value)}`);
  });
  if (margin !== undefined && margin < 0) {
    throw columns.error("margin", "must not be negative; if the rejected answer is the better one, swap them");
  }
  if ((chosen === undefined) !== (rejected === undefined)) {
    throw columns.error(chosen === undefined ? "chosen_rating" : "rejected_rating", "is missing beside the other one");
  }
  if (chosen !== undefined && chosen < rejected!) {
    throw columns.error("chosen_rating", "must not be less than rejected_rating; swap the answers or mend the ratings");
  }
  return {
    ...(margin === undefined ? {} : { margin }),
    ...(chosen === undefined ? {} : { ratings: { chosen, rejected: rejected! } }),
  };
}
