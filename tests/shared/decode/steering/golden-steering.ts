/** What the reference implementations make of fixed logits, and what our parts make of them. */
import { readFileSync } from "node:fs";
import type { RowState } from "../../../../shared/decode/processor.ts";
import { PROCESSORS } from "../../../../shared/decode/registry.ts";
import type { SteeringPart } from "../../../../shared/decode/steering/part.ts";
import { type AskedOf, STEERING, type SteeringName } from "../../../../shared/decode/steering/registry.ts";
import type { Scorer, ScorerAbout } from "../../../../shared/delta/scorer.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { processedRow } from "../processing.ts";

type Numbers = readonly number[];
type ByName<T> = Readonly<Record<string, T>>;
interface Packed {
  readonly shape: Numbers;
  readonly data: Numbers;
}
type PackedScorer = { readonly [N in "weight" | "bias" | "a" | "t"]: Packed } & { readonly about: ScorerAbout };

export interface GoldenStep {
  /** [V] by role; the text's own under "". */
  readonly logits: ByName<ArrayLike<number>>;
  /** [V], by the number of layers that the stream has passed. */
  readonly exits?: ByName<ArrayLike<number>>;
  /** [D] */
  readonly finals?: ByName<ArrayLike<number>>;
  /** [D] by role and token. */
  readonly probed?: ByName<ByName<ArrayLike<number>>>;
  readonly chosen: number;
}

export interface GoldenCase {
  readonly part: SteeringName;
  readonly asked: unknown;
  readonly layers: number;
  readonly scorers?: ByName<PackedScorer>;
  /** null: ruled out. */
  readonly steps: readonly (GoldenStep & { readonly scores: readonly (number | null)[] })[];
}

const file = new URL("../../../golden/decode/steering.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: GoldenCase[] };

export const goldenCases = (part: SteeringName, wanted: (asked: never) => boolean = () => true): GoldenCase[] =>
  cases.filter((each) => each.part === part && wanted(each.asked as never));

export function scorerOf({ weight, bias, a, t, about }: PackedScorer): Scorer {
  const tensor = ({ shape, data }: Packed) => f32(shape, data);
  return { weight: tensor(weight), bias: tensor(bias), tokens: { a: tensor(a), t: tensor(t) }, about };
}

type GoldenAsked = Pick<GoldenCase, "part" | "asked" | "layers" | "scorers">;

/** The scores [V] that the part leaves in each step of a text. */
export function scoresOf(asked: GoldenAsked, steps: readonly GoldenStep[]): Float64Array[] {
  const { settings, processor } = atWork(asked, steps);
  const generated: number[] = [];
  const row: RowState = { role: "leader", prompt: [1], generated };
  return steps.map((step) => {
    const scores = Float64Array.from(step.logits[""]!);
    const given = processedRow({ row, settings, scores, ...viewOf(step) });
    processor.apply([given as never]);
    generated.push(step.chosen);
    return scores;
  });
}

/**
 * The scores of the last step for a text that goes on from another one after the steps before; if `forks` is false, one that the
 * processor knows the tokens of, and nothing else.
 */
export function scoresOfFork(asked: GoldenAsked, steps: readonly GoldenStep[], forks: boolean): Float64Array {
  const { settings, processor } = atWork(asked, steps);
  const [from, to] = ["leader", "leader"].map((role) => ({ role, prompt: [1], generated: [] as number[] }));
  const score = (row: RowState, step: GoldenStep) => {
    const scores = Float64Array.from(step.logits[""]!);
    processor.apply([processedRow({ row, settings, scores, ...viewOf(step) }) as never]);
    return scores;
  };
  for (const step of steps.slice(0, -1)) {
    score(from!, step);
    from!.generated.push(step.chosen);
  }
  to!.generated.push(...from!.generated);
  if (forks) processor.fork?.(from!, to!);
  const last = steps.at(-1)!;
  const scores = score(to!, last);
  // The text that it comes from does not notice.
  to!.generated.push(0);
  score(to!, last);
  return score(from!, last).every((one, token) => one === scores[token]) || !forks ? scores : new Float64Array();
}

function atWork({ part, asked, layers, scorers }: GoldenAsked, steps: readonly GoldenStep[]) {
  const kind = STEERING[part] as unknown as SteeringPart<AskedOf<typeof part>, unknown>;
  const checked = kind.schema.parse(asked);
  const references = kind.references?.(checked) ?? [];
  const idOf = (at: string) => references.find((each) => each.at === at)!.id;
  const { settings } = kind.plan(checked, {
    vocabSize: steps[0]!.logits[""]!.length,
    layers,
    tiedHead: false,
    hasChat: true,
    scorer: (at) => scorerOf(scorers![idOf(at)]!),
    same: () => false,
    encode: () => [],
  });
  return { settings, processor: PROCESSORS[part].create() };
}

function viewOf({ logits, exits, finals, probed }: GoldenStep) {
  return {
    logits: (role = "") => Float32Array.from(logits[role]!),
    exit: (layer: number) => Float32Array.from(exits![layer + 1]!),
    final: (role = "") => Float32Array.from(finals![role]!),
    probe(role: string, tokens: readonly number[], visit: (probed: never) => void) {
      for (const [index, token] of tokens.entries()) {
        visit({ index, token, final: Float32Array.from(probed![role]![token]!) } as never);
      }
    },
  };
}

/** Scores less the highest of them: adding a constant to all changes no probability. −∞ becomes null. */
export function relative(scores: ArrayLike<number | null>): (number | null)[] {
  const all = Array.from(scores, (score) => (score === Number.NEGATIVE_INFINITY ? null : score));
  const highest = Math.max(...all.filter((score) => score !== null));
  return all.map((score) => (score === null ? null : score - highest));
}
