import type { ConstitutionalMode } from "../../../shared/api/constitutional.ts";
import type { Metrics } from "../recipe.ts";
import type { Writing } from "./checkpoint.ts";
import { labelled, revised } from "./files.ts";
import { finalText } from "./records.ts";

export interface Summary {
  readonly metrics: Metrics;
  readonly message: string;
  /** Whether anything was left out. */
  readonly isShort: boolean;
}

export interface Summarised {
  readonly mode: ConstitutionalMode;
  /** How many there were, those without a record among them. */
  readonly prompts: number;
}

/** What was written and judged, in numbers and in a sentence or two, with all that is left out. */
export function summary(
  { records, judged }: Pick<Writing, "records" | "judged">,
  { mode, prompts }: Summarised,
): Summary {
  const unasked = prompts - new Set(records.map(({ part, line }) => `${part} ${line}`)).size;
  const { answers, unreadable } = judged;
  const common = {
    prompts,
    prompts_left_out: unasked,
    judge_answers: answers,
    unreadable_answers: unreadable,
  };
  const judge = `; ${unreadable} of ${answers} answers of the judge were unusable`;
  const room =
    unasked === 0
      ? ""
      : `; ${unasked} prompts are left out, which leave no room for a reply or which the chat template refuses`;
  if (mode === "revise") {
    const replies = revised(records);
    const kept = replies.filter((record) => finalText(record) !== null);
    const changed = kept.filter((record) => finalText(record) !== record.reply).length;
    const scores = {
      ...mean(
        "score_before",
        replies.map(({ rounds }) => rounds[0]?.before),
      ),
      ...mean(
        "score_after",
        replies.map(({ rounds }) => rounds.at(-1)?.after),
      ),
    };
    const left = replies.length - kept.length;
    return {
      metrics: { ...common, replies: replies.length, revised: changed, without_revision: left, ...scores },
      message: `${replies.length} replies, ${changed} of them changed, ${left} without a usable revision and left out${judge}${room}`,
      isShort: left + unreadable + unasked > 0,
    };
  }
  const pairs = labelled(records);
  const count = (none: string) => pairs.filter((pair) => pair.none === none).length;
  const none = {
    ties: count("tie"),
    same_text: count("same_text"),
    unusable_replies: count("unusable_reply"),
    unreadable_labels: count("unreadable_label"),
  };
  const kept = pairs.filter(({ better }) => better !== null).length;
  const left = `${none.ties} ties, ${none.same_text} of the same text twice, ${none.unusable_replies} with a cut or empty reply, ${none.unreadable_labels} without a readable label`;
  return {
    metrics: { ...common, pairs: pairs.length, labelled: kept, ...none },
    message: `${pairs.length} pairs of replies, ${kept} of them with a better one; left out: ${left}${judge}${room}`,
    isShort: kept < pairs.length || unasked > 0,
  };
}

/** The mean of those that are there, under a name; nothing if none is. */
function mean(name: string, values: readonly (number | undefined)[]): Metrics {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? {} : { [name]: given.reduce((sum, value) => sum + value, 0) / given.length };
}
