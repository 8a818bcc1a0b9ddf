/** How long masks of rules take in Node, which runs the same engine as workerd and has a clock that does not stand still. */
import { createRandom } from "../../../shared/random.ts";
import { compileRule } from "../../../shared/rules/compile.ts";
import { hasBit, type RuleVocabulary } from "../../../shared/rules/vocabulary.ts";

/** Times of one schema; index i is of the i-th mask of its text. */
export interface MaskTimes {
  readonly compileMs: number;
  readonly maskMs: readonly number[];
}

/** Follows a rule along a text that draws each token evenly from those allowed; every mask is one that nobody asked before. */
export function timeMasks(schema: unknown, vocabulary: RuleVocabulary, most: number): MaskTimes {
  const random = createRandom(1, "masks");
  const start = performance.now();
  const state = compileRule({ json_schema: schema }, vocabulary, { param: "schema" }).start();
  const compileMs = performance.now() - start;
  const maskMs: number[] = [];
  while (maskMs.length < most && !state.ended) {
    const before = performance.now();
    const mask = state.mask();
    maskMs.push(performance.now() - before);
    const allowed = Array.from({ length: vocabulary.size }, (_, token) => token).filter((token) => hasBit(mask, token));
    state.accept(allowed[random.below(allowed.length)]!);
  }
  return { compileMs, maskMs };
}

/** Of each mask the least that it took in any of the runs, since other processes only ever add to it. */
export function leastTimes(runs: readonly MaskTimes[]): MaskTimes {
  const [first] = runs;
  return {
    compileMs: Math.min(...runs.map(({ compileMs }) => compileMs)),
    maskMs: first!.maskMs.map((_, i) => Math.min(...runs.map(({ maskMs }) => maskMs[i]!))),
  };
}

/** The value that this share of them does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}
