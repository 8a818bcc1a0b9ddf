/** Labels: which of two replies is better. */
import type { Principle } from "../../../shared/api/constitutions.ts";
import { type Judged, type ModelJudge, problemOf, type Score } from "./judges.ts";
import { promptAsText } from "./prompts.ts";
import { countAnswers, type LabelledPair, type PlacedPrompt, placeOf } from "./records.ts";
import { labelRequest, nameOf } from "./requests.ts";
import { type ChunkOptions, drawPrinciple, stageSeed, type Work } from "./revise.ts";
import { isUsable } from "./starting-model.ts";

/** Two different whole replies. */
export interface Pair {
  readonly asked: PlacedPrompt;
  readonly a: string;
  readonly b: string;
  readonly principle: Principle;
}

/** What a judge found of a pair. */
export type Label = Pick<LabelledPair, "scores" | "probabilities" | "better" | "none" | "problem">;

/** A label for every pair, in order. */
export type Labeller = (pairs: readonly Pair[]) => Promise<Work<Label>>;

/** Samples replies to the prompts, two by two, and has them labelled. Replies that are cut, empty or equal are not shown to a judge. */
export async function labelChunk(
  prompts: readonly PlacedPrompt[],
  options: ChunkOptions & { readonly label: Labeller },
): Promise<Work<LabelledPair>> {
  const { model, sampling, label } = options;
  const replies = await model.write(prompts, { ...sampling, seed: stageSeed(options, "replies") });
  const all = prompts.flatMap((asked, at) => {
    const written = replies[at]!;
    return Array.from({ length: Math.floor(written.length / 2) }, (_, pair) => {
      const [a, b] = [written[2 * pair]!, written[2 * pair + 1]!];
      const none = ![a, b].every(isUsable) ? "unusable_reply" : a.text === b.text ? "same_text" : undefined;
      return {
        asked,
        pair,
        a: a.text,
        b: b.text,
        none,
        principle: drawPrinciple(options, asked, "label", pair),
      } as const;
    });
  });
  const { records, judged } = await label(all.filter(({ none }) => none === undefined));
  let next = 0;
  const labelled = all.map(({ asked, pair, a, b, none, principle }): LabelledPair => {
    const found: Label = none === undefined ? records[next++]! : { better: null, none };
    return { kind: "labelled", ...placeOf(asked), pair, principle: nameOf(principle), a, b, ...found };
  });
  return { records: labelled, judged };
}

/** The reply that scores higher is better; equal scores are a tie. */
export function graderLabeller(score: Score): Labeller {
  return async (pairs) => {
    const scores = await score(
      pairs.flatMap(({ asked, a, b, principle }) =>
        [a, b].map((text) => ({ text, item: asked.item, principle: principle.principle })),
      ),
    );
    const records = pairs.map((_, at): Label => {
      const [a, b] = [scores[2 * at]!, scores[2 * at + 1]!];
      if ("problem" in a || "problem" in b) return unreadable(a, b);
      const found = { scores: { a: a.value, b: b.value } };
      if (a.value === b.value) return { ...found, better: null, none: "tie" };
      return { ...found, better: a.value > b.value ? "a" : "b" };
    });
    return { records, judged: countAnswers(scores.map(problemOf)) };
  };
}

/**
 * A model's probability that the first reply is better, the mean over both orders of showing them, so that its liking for an answer
 * or a place cancels out. A mean within `minMargin` of one half is a tie.
 */
export function modelLabeller(
  judge: ModelJudge,
  { constitution, minMargin }: Pick<ChunkOptions, "constitution"> & { readonly minMargin: number },
): Labeller {
  return async (pairs) => {
    const labels = await judge.label(
      pairs.flatMap(({ asked, a, b, principle }) => {
        const prompt = promptAsText(asked);
        return [
          labelRequest(constitution, principle, { prompt, a, b }),
          labelRequest(constitution, principle, { prompt, a: b, b: a }),
        ];
      }),
    );
    const records = pairs.map((_, at): Label => {
      const [first, second] = [labels[2 * at]!, labels[2 * at + 1]!];
      if ("problem" in first || "problem" in second) return unreadable(first, second);
      const [a_first, b_first] = [first.value, 1 - second.value];
      const mean = (a_first + b_first) / 2;
      const probabilities = { a_first, b_first, mean };
      if (Math.abs(mean - 0.5) <= minMargin) return { probabilities, better: null, none: "tie" };
      return { probabilities, better: mean > 0.5 ? "a" : "b" };
    });
    return { records, judged: countAnswers(labels.map(problemOf)) };
  };
}

function unreadable(...both: readonly Judged<unknown>[]): Label {
  const problem = both.map(problemOf).find((found) => found !== undefined);
  return { better: null, none: "unreadable_label", problem: problem! };
}
