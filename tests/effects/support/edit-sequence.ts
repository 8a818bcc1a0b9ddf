/** Facts edited batch after batch into the embedded base, scored as a whole: what holds of many edits. */
import type { EditScores } from "../../../shared/edits/report.ts";
import { type DenseMatrix, matrix } from "../../../shared/linalg/matrix.ts";
import { chunks } from "../../../trainer/edits/buckets.ts";
import { EDIT_AUTO } from "../../../trainer/edits/edit-plan.ts";
import { findValues, lengthOf, type ValueOptions } from "../../../trainer/edits/find-values.ts";
import { refineChanges } from "../../../trainer/edits/refine/refine.ts";
import { added, type SequenceResult, solveSequence } from "../../../trainer/edits/sequence.ts";
import { compress } from "../../../trainer/edits/solve/compress.ts";
import { valueAnchor } from "../../../trainer/edits/solve/norm-scaling.ts";
import { nullSpaceProjector } from "../../../trainer/edits/solve/null-space.ts";
import type { LayerKnowledge } from "../../../trainer/edits/solve-batch.ts";
import type { EditLab, LabFact } from "./edit-lab.ts";

export interface SequenceSetting {
  readonly method: "memit" | "alphaedit";
  readonly layers: readonly number[];
  readonly lambda: number;
  readonly normScaling: boolean;
  /** memit: as published, which knows nothing of the keys of earlier batches. */
  readonly forgetsEarlier?: boolean;
  readonly values: ValueOptions;
  readonly batchSize: number;
  /** The most times that a batch is solved. */
  readonly rounds: number;
  /** Steps in which the change of a batch is improved as a whole; 0: as published. */
  readonly refine: number | "auto";
}

/** What holds after some edits. */
export interface SequencePoint extends EditScores {
  /** Facts so far, and those of them that were left out of the solve. */
  readonly facts: number;
  readonly left_out: number;
  /** The base's loss on texts that state no fact, relative. */
  readonly base_loss_change: number;
}

const NONE = { source: "none", texts: [] } as const;
const NO_PROMPTS = { paraphrases: NONE, neighbours: NONE };
/** Of one layer, on a server as `npm start` runs it. */
const SERVED_RANK = 128;
/** Facts by which the length that norm scaling keeps is measured. */
const ANCHOR_FACTS = 50;
/** A value whose loss stays above it is left out, as a job does. */
const CONVERGED_BELOW = 1;

export interface SequenceRun {
  /** All facts so far are scored after as many batches, and at the end. */
  readonly every: number;
  readonly onBatch?: (facts: number) => void;
  /** Called with the points so far whenever there is another. */
  readonly onPoint?: (points: readonly SequencePoint[]) => void;
}

/** Edits the facts in order; the scores of all facts so far, on the way and at the end. Resets the model. */
export async function measureSequence(
  lab: EditLab,
  all: readonly LabFact[],
  setting: SequenceSetting,
  { every, onBatch, onPoint }: SequenceRun,
): Promise<SequencePoint[]> {
  const { model } = lab;
  const facts = briefly(all);
  model.reset();
  const anchor = setting.normScaling ? await anchorOf(lab, facts, setting.values) : undefined;
  const knowledge = knowledgeOf(lab, setting);
  const previous = new Map<number, DenseMatrix>();
  const points: SequencePoint[] = [];
  let [done, leftOut] = [0, 0];
  const batches = chunks(facts, setting.batchSize);
  for (const [index, batch] of batches.entries()) {
    const { method, layers, lambda, values, rounds } = setting;
    const ofEncoded = new Map(batch.map((fact) => [fact.encoded, { ...fact, prompts: NO_PROMPTS }]));
    const result = await solveSequence(
      model,
      batch.map(({ encoded }) => encoded),
      {
        ...{ method, layers, lambda, values, knowledge, previous, batchSize: batch.length },
        ...(anchor === undefined ? {} : { anchor }),
        rounds,
        holds: async (encoded) =>
          (await lab.answers(encoded.map((one) => ofEncoded.get(one)!))).map((one) => one.follows),
        ...{ convergedBelow: CONVERGED_BELOW, keepUnconverged: false, now: () => performance.now() },
      },
    );
    await refine(lab, result, { batch, earlier: facts.slice(0, done), steps: setting.refine });
    if (setting.forgetsEarlier !== true)
      for (const { layer, keys } of result.layers) previous.set(layer, added(previous.get(layer), keys));
    done += batch.length;
    leftOut += result.facts.filter(({ outcome }) => outcome !== "solved").length;
    onBatch?.(done);
    if ((index + 1) % every !== 0 && done < facts.length) continue;
    const scores = await lab.score(facts.slice(0, done));
    points.push({ facts: done, left_out: leftOut, ...scores, base_loss_change: await lab.lossChange() });
    onPoint?.(points);
  }
  model.reset();
  return points;
}

/** Puts what is refined of a batch's changes in their place, at the rank that servers take. */
async function refine(
  { model, kept, padId }: EditLab,
  { layers, facts }: SequenceResult,
  of: { readonly batch: readonly LabFact[]; readonly earlier: readonly LabFact[]; readonly steps: number | "auto" },
): Promise<void> {
  if (of.steps === 0) return;
  const solved = facts.filter(({ outcome }) => outcome === "solved").map(({ fact }) => fact);
  const changes = new Map(layers.map((one) => [one.layer, compress(one, SERVED_RANK)] as const));
  for (const { layer, a, b } of layers) model.change(layer, { a, b: scaled(b, -1) });
  const options = { kept: await kept(of.batch, of.earlier), padId, seed: 1, steps: of.steps };
  for (const [layer, change] of await refineChanges(model, solved, changes, options)) model.change(layer, change);
}

const scaled = ({ shape, data }: DenseMatrix, by: number) =>
  matrix(
    ...(shape as [number, number]),
    data.map((value) => by * value),
  );

/** One paraphrase of each fact, and each neighbour once, so that a long sequence is scored in seconds. */
function briefly(facts: readonly LabFact[]): LabFact[] {
  const seen = new Set<string>();
  return facts.map(({ encoded, prompts, before }) => {
    const fresh = prompts.neighbours.texts.map((text) => {
      const isFresh = !seen.has(text);
      seen.add(text);
      return isFresh;
    });
    const ofFresh = (_: unknown, i: number) => fresh[i]!;
    return {
      encoded,
      prompts: {
        paraphrases: { ...prompts.paraphrases, texts: prompts.paraphrases.texts.slice(0, 1) },
        neighbours: { ...prompts.neighbours, texts: prompts.neighbours.texts.filter(ofFresh) },
      },
      before: {
        ...before,
        paraphrases: before.paraphrases.slice(0, 1),
        neighbours: before.neighbours.filter(ofFresh),
      },
    };
  });
}

async function anchorOf(lab: EditLab, facts: readonly LabFact[], values: ValueOptions): Promise<number> {
  const bare = facts
    .slice(0, ANCHOR_FACTS)
    .map(({ encoded }) => ({ ...encoded, contexts: encoded.contexts.slice(0, 1) }));
  const found = await findValues(lab.model, bare, values);
  return valueAnchor(found.map(({ delta, start: { mlp } }) => lengthOf(mlp.map((value, at) => value + delta[at]!))));
}

function knowledgeOf({ statistics }: EditLab, setting: SequenceSetting): Map<number, LayerKnowledge> {
  const { method, layers } = setting;
  return new Map(
    layers.map((layer) => {
      const secondMoment = statistics.moments.get(layer)!;
      if (method === "memit") return [layer, { secondMoment }];
      const { projector } = nullSpaceProjector(secondMoment, { share: EDIT_AUTO.nullSpace });
      return [layer, { secondMoment, projector }];
    }),
  );
}
