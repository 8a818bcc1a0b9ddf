import type { ModelConfig } from "../../../shared/model/config.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, i64 } from "../../../shared/tensor.ts";
import type { NamedTensors } from "../../engines/executor.ts";
import { lengthBucket } from "../buckets.ts";
import type { EncodedFact } from "../encoded-fact.ts";
import { layOut, type PlacedText, textFeeds } from "./lay-out.ts";
import type { RefineShape } from "./refine-graph.ts";

/** A prompt with its target. */
interface FactText {
  readonly ids: Int32Array;
  /** The subject's last token. */
  readonly at: number;
  /** Tokens at its end that are the target. */
  readonly target: number;
}

/** Texts that shall stay as they are, laid out, with the states behind the last norm [rows, T, D] before the change. */
export interface KeptBatch {
  readonly placed: readonly PlacedText<{ readonly ids: Int32Array }>[];
  readonly states: Float32Array;
}

/** Half of a step's rows hold facts, half kept texts. */
export interface StepShape {
  readonly shape: RefineShape;
  readonly half: { readonly rows: number; readonly tokens: number };
}

/** The most tokens of a step, those of a row, and the fewest rows of a half. */
const STEP_TOKENS = 2_048;
const ROW_TOKENS = 64;
const LEAST_ROWS = 4;
/** Probabilities that are computed in a step, for facts and for kept texts alike. */
const MOST_PROBABILITIES = 1 << 22;
/** The share of the rows of facts in which the change acts at the subject alone. */
const AT_SUBJECT = 0.7;

const textsOf = ({ contexts, target }: EncodedFact): FactText[] =>
  contexts.map(({ ids, at }) => ({ ids: Int32Array.from([...ids, ...target]), at, target: target.length }));

/** The shape of every step: rows for the longest text, and no more of them than all texts fill. */
export function stepShape(facts: readonly EncodedFact[], { vocabSize, maxPositions }: ModelConfig): StepShape {
  const lengths = facts.flatMap((fact) => textsOf(fact).map(({ ids }) => ids.length));
  const longest = Math.max(...lengths);
  const tokens = Math.min(maxPositions, Math.max(lengthBucket(longest), ROW_TOKENS));
  const wanted = Math.max(LEAST_ROWS, Math.ceil(lengths.reduce((sum, length) => sum + length, 0) / tokens));
  const rows = Math.max(1, Math.min(wanted, Math.floor(STEP_TOKENS / 2 / tokens)));
  const most = Math.floor(MOST_PROBABILITIES / vocabSize);
  const target = Math.max(...facts.map((fact) => fact.target.length));
  const within = (count: number) => Math.max(target, Math.min(count, most));
  const half = { rows, tokens };
  return {
    shape: { rows: 2 * rows, tokens, picks: within(Math.floor((rows * tokens) / 2)), kept: within(rows * tokens) },
    half,
  };
}

/** The texts of facts as steps take them: every text once, in a new order, before any comes again. A function of the seed. */
export function factTurns(facts: readonly EncodedFact[], { shape, half }: StepShape, seed: number) {
  const texts = facts.flatMap(textsOf);
  const turns: PlacedText<FactText>[][] = [];
  let open: readonly FactText[] = [];
  let round = 0;
  return (step: number): readonly PlacedText<FactText>[] => {
    while (turns.length <= step) {
      if (open.length === 0) {
        open = [...createRandom(seed, "facts", String(round)).permutation(texts.length)].map((index) => texts[index]!);
        round += 1;
      }
      let [within, targets] = [0, 0];
      while (within < open.length && targets + open[within]!.target <= shape.picks) targets += open[within++]!.target;
      const { placed, rest } = layOut(open.slice(0, within), half);
      turns.push(placed);
      open = [...rest, ...open.slice(within)];
    }
    return turns[step]!;
  };
}

/** Steps in which every text of the facts has its turn once. */
export function stepsOfRound(facts: readonly EncodedFact[], shape: StepShape): number {
  const tokens = facts.flatMap(textsOf).reduce((sum, { ids }) => sum + ids.length, 0);
  return Math.ceil(tokens / (shape.half.rows * shape.half.tokens));
}

export interface StepFeedOptions {
  readonly config: ModelConfig;
  readonly padId: number;
  readonly seed: number;
  readonly step: number;
}

/** The feeds of a step: facts in the first half of its rows, kept texts in the second. */
export function stepFeeds(
  facts: readonly PlacedText<FactText>[],
  kept: KeptBatch,
  { shape, half }: StepShape,
  { config, padId, seed, step }: StepFeedOptions,
): NamedTensors {
  const random = createRandom(seed, "step", String(step));
  const size = shape.rows * shape.tokens;
  const offset = half.rows * half.tokens;
  const { hiddenSize: width } = config;
  const felt = new Float32Array(size).fill(1);
  const picks = { places: new Int32Array(shape.picks), targets: new Int32Array(shape.picks) };
  const weights = new Float32Array(shape.picks);
  let pick = 0;
  for (const { text, start } of facts) {
    const { ids, at, target } = text;
    if (random.float() < AT_SUBJECT) {
      felt.fill(0, start, start + ids.length);
      felt[start + at] = 1;
    }
    for (let token = ids.length - target; token < ids.length; token++, pick++) {
      picks.places[pick] = start + token - 1;
      picks.targets[pick] = ids[token]!;
      weights[pick] = 1 / (target * facts.length);
    }
  }
  const places = kept.placed.flatMap(({ text, start }) => Array.from(text.ids, (_, at) => start + at));
  const chosen = [...random.permutation(places.length)].slice(0, shape.kept).map((index) => places[index]!);
  const keptPlaces = new Int32Array(shape.kept).fill(offset);
  const states = new Float32Array(shape.kept * width);
  const keptWeights = new Float32Array(shape.kept);
  for (const [index, place] of chosen.entries()) {
    keptPlaces[index] = offset + place;
    states.set(kept.states.subarray(place * width, (place + 1) * width), index * width);
    keptWeights[index] = 1 / chosen.length;
  }
  const all = [...facts, ...kept.placed.map(({ text, start }) => ({ text, start: start + offset }))];
  return {
    ...textFeeds(all, shape, padId),
    felt: f32([shape.rows, shape.tokens, 1], felt),
    picks: i64([shape.picks], picks.places),
    targets: i64([shape.picks, 1], picks.targets),
    pick_weights: f32([shape.picks, 1], weights),
    kept: i64([shape.kept], keptPlaces),
    states: f32([shape.kept, width], states),
    kept_weights: f32([shape.kept, 1], keptWeights),
  };
}
