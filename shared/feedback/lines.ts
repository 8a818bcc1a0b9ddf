/**
 * Verdicts as lines of preference data. Every line has a `provenance`, which the readers of datasets leave out of training:
 *
 *   pairs      {"prompt", "chosen", "rejected", "tools"?}
 *   unpaired   {"prompt", "completion", "label", "tools"?}
 *   rankings   {"prompt", "completions": [best first], "tools"?}
 *   ratings    {"prompt", "completion", "ratings": [{"rater", "rating"}], "tools"?}, or "rating" where no rater is named
 *
 * A prompt is a list of messages and a completion a list of one, or both are texts where the prompt was a text to continue.
 */
import type { ExportFormat } from "../api/feedback.ts";
import type { AnswerMessage, KeptPrompt, Provenance } from "../api/kept-completions.ts";

/** What somebody said of texts, wherever it was said. */
export type Judgement =
  | { readonly type: "thumbs"; readonly up: boolean }
  | { readonly type: "rating"; readonly value: number; readonly scale: { readonly min: number; readonly max: number } }
  /** The answers are in order, the best first; those with equal `ranks` are equally good, and without ranks none are. */
  | { readonly type: "ranking"; readonly ranks?: readonly number[] }
  | { readonly type: "tie" };

export interface JudgedTexts {
  readonly judgement: Judgement;
  readonly prompt: KeptPrompt;
  readonly answers: readonly { readonly message: AnswerMessage; readonly made: Provenance | null }[];
  readonly rater: string | null;
  /** Further facts of where the judgement comes from. */
  readonly from: Readonly<Record<string, unknown>>;
}

export type PreferenceLine = Readonly<Record<string, unknown>>;

export interface MadeLines {
  readonly lines: readonly PreferenceLine[];
  /** Why there is nothing, or less than there could be. */
  readonly skipped: readonly SkipReason[];
}

export type SkipReason = "other_kind_of_verdict" | "tie" | "empty_text" | "same_text" | "middle_of_the_scale";

type Maker = (judged: JudgedTexts) => MadeLines;

const skip = (...skipped: readonly SkipReason[]): MadeLines => ({ lines: [], skipped });
const OTHER = skip("other_kind_of_verdict");

const MAKERS: Readonly<Record<ExportFormat, Maker>> = { pairs, unpaired, rankings, ratings };

/** The lines that one judgement makes. */
export function preferenceLines(format: ExportFormat, judged: JudgedTexts): MadeLines {
  return MAKERS[format](judged);
}

/** Each text against each that is worse. */
function pairs(judged: JudgedTexts): MadeLines {
  const { judgement, answers } = judged;
  if (judgement.type === "tie") return skip("tie");
  if (judgement.type !== "ranking") return OTHER;
  const { ranks } = judgement;
  const lines: PreferenceLine[] = [];
  const skipped: SkipReason[] = [];
  for (const [better, chosen] of answers.entries()) {
    for (const [behind, rejected] of answers.slice(better + 1).entries()) {
      if (ranks !== undefined && ranks[better] === ranks[better + 1 + behind]) skipped.push("tie");
      else if (isEmpty(chosen.message) || isEmpty(rejected.message)) skipped.push("empty_text");
      else if (isSame(chosen.message, rejected.message)) skipped.push("same_text");
      else {
        lines.push({
          ...promptOf(judged),
          chosen: completion(judged, better),
          rejected: completion(judged, better + 1 + behind),
          provenance: provenance(judged, { chosen: chosen.made, rejected: rejected.made }),
        });
      }
    }
  }
  return { lines, skipped };
}

/** Thumbs, and ratings above or below the middle of their scale. */
function unpaired(judged: JudgedTexts): MadeLines {
  const { judgement } = judged;
  if (judgement.type !== "thumbs" && judgement.type !== "rating") return OTHER;
  const label = judgement.type === "thumbs" ? judgement.up : side(judgement);
  if (label === null) return skip("middle_of_the_scale");
  return ofOne(judged, { label });
}

function side({ value, scale }: Extract<Judgement, { type: "rating" }>): boolean | null {
  const middle = scale.min + (scale.max - scale.min) / 2;
  return value === middle ? null : value > middle;
}

function rankings(judged: JudgedTexts): MadeLines {
  const { judgement, answers } = judged;
  if (judgement.type === "tie") return skip("tie");
  if (judgement.type !== "ranking") return OTHER;
  if (judgement.ranks?.some((rank, at, ranks) => rank === ranks[at + 1])) return skip("tie");
  if (answers.some(({ message }) => isEmpty(message))) return skip("empty_text");
  const same = answers.some(({ message }, at) => answers.slice(0, at).some((other) => isSame(other.message, message)));
  if (same) return skip("same_text");
  const completions = answers.map((_, at) => completion(judged, at));
  const made = { completions: answers.map((answer) => answer.made) };
  return { lines: [{ ...promptOf(judged), completions, provenance: provenance(judged, made) }], skipped: [] };
}

function ratings(judged: JudgedTexts): MadeLines {
  const { judgement, rater } = judged;
  if (judgement.type !== "rating") return OTHER;
  const { value } = judgement;
  return ofOne(judged, rater === null ? { rating: value } : { ratings: [{ rater, rating: value }] });
}

function ofOne(judged: JudgedTexts, said: PreferenceLine): MadeLines {
  const [answer] = judged.answers;
  if (answer === undefined || isEmpty(answer.message)) return skip("empty_text");
  const line = { ...promptOf(judged), completion: completion(judged, 0), ...said };
  return { lines: [{ ...line, provenance: provenance(judged, { completion: answer.made }) }], skipped: [] };
}

function promptOf({ prompt }: JudgedTexts): PreferenceLine {
  if ("text" in prompt) return { prompt: prompt.text };
  return { prompt: prompt.messages, ...(prompt.tools === undefined ? {} : { tools: prompt.tools }) };
}

function completion({ prompt, answers }: JudgedTexts, at: number): string | readonly AnswerMessage[] {
  const { message } = answers[at]!;
  return "text" in prompt ? message.content : [message];
}

function provenance({ judgement, rater, from }: JudgedTexts, made: Readonly<Record<string, unknown>>): PreferenceLine {
  const said = judgement.type === "rating" ? { scale: judgement.scale } : {};
  return { ...from, rater, ...said, made };
}

const isEmpty = ({ content, tool_calls: calls }: AnswerMessage) => content.trim() === "" && calls === undefined;
const isSame = (left: AnswerMessage, right: AnswerMessage) => sayings(left) === sayings(right);

/** Ids of calls are random, so they tell no texts apart. */
function sayings({ content, tool_calls: calls = [] }: AnswerMessage): string {
  return JSON.stringify([content, calls.map((call) => call.function)]);
}
