import type { EditOptions } from "../../../shared/api/edit-settings.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { DenseMatrix } from "../../../shared/linalg/matrix.ts";
import { type EarlierEdit, knownAnchor, previousKeys } from "../../edits/earlier-edits.ts";
import type { EditModel } from "../../edits/edit-model.ts";
import { EDIT_AUTO, type EditPlan } from "../../edits/edit-plan.ts";
import type { EditedValues } from "../../edits/edited-subject.ts";
import type { EncodedFact } from "../../edits/encoded-fact.ts";
import { findValues, lengthOf, type ValueOptions } from "../../edits/find-values.ts";
import { askFacts, type ScoredFact } from "../../edits/score-edits.ts";
import { type SequenceResult, solveSequence } from "../../edits/sequence.ts";
import { valueAnchor } from "../../edits/solve/norm-scaling.ts";
import { nullSpaceProjector } from "../../edits/solve/null-space.ts";
import { KEY_MEAN, type LayerKnowledge } from "../../edits/solve-batch.ts";
import { readKeys } from "../../edits/subject-states.ts";
import { type PreparedEdit, paced } from "./prepare-edit.ts";

export interface FactSolve {
  readonly prepared: PreparedEdit;
  readonly model: EditModel;
  readonly plan: EditPlan;
  readonly options: EditOptions;
  readonly wanted: readonly ScoredFact[];
  readonly now: () => number;
}

/** Finds the values of facts and solves them on `model`, which keeps the changes; sets the anchor of `prepared` where it takes one. */
export async function solveFacts({ prepared, model, plan, options, wanted, now }: FactSolve): Promise<SequenceResult> {
  const { say, layers, statistics, start } = prepared;
  const values: ValueOptions = {
    layer: layers.at(-1)!,
    measuredBy: plan.method === "rome" ? "mlp" : "layer",
    ...{ steps: plan.steps, learningRate: plan.learningRate, clamp: plan.clamp },
    ...{ klFactor: options.kl_factor, weightDecay: options.weight_decay, stopBelow: plan.stopBelow },
  };
  const encoded = wanted.map((one) => one.encoded);
  if (plan.normScaling) prepared.anchor = await anchorOf(model, encoded, { values, edits: start.edits });
  const knowledge = new Map<number, LayerKnowledge>();
  for (const layer of layers) {
    const { secondMoment } = statistics.get(layer)!;
    if (plan.method !== "alphaedit") knowledge.set(layer, { secondMoment });
    else {
      const size = secondMoment.shape[0]!;
      const { null_space_threshold: asked } = options;
      const unused = asked === "auto" ? { share: EDIT_AUTO.nullSpace } : asked;
      const { projector, dimension } = nullSpaceProjector(secondMoment, unused);
      say(`Layer ${layer}: ${dimension} of ${size} directions of keys are free to change`, { layer, dimension });
      knowledge.set(layer, { secondMoment, projector });
    }
  }
  const width = statistics.get(layers[0]!)!.secondMoment.shape[0]!;
  const read = (facts: EarlierEdit["file"]["facts"], layer: number) => readEarlier(model, prepared, { facts, layer });
  const previous =
    plan.method !== "rome" ? await previousKeys(start.edits, { layers, width, read }) : new Map<number, never>();
  say(`Finding values of ${encoded.length} facts`, { phase: "values", done: 0, of: encoded.length });
  const sayFound = paced(prepared.clock, (done, of) =>
    say(`Found ${done} of ${of} values`, { phase: "values", done, of }),
  );
  let solved = 0;
  const saySolved = paced(prepared.clock, (batch, batches) =>
    say(`Solved batch ${batch} of ${batches}`, {
      ...{ phase: "solve", batch, batches, done: solved, of: encoded.length },
    }),
  );
  const search = solveSequence(model, encoded, {
    ...{ method: plan.method, layers, lambda: plan.lambda, knowledge },
    ...{ batchSize: plan.batchSize, rounds: plan.rounds, anchor: prepared.anchor },
    holds: (facts) => holding(model.values(), prepared, facts),
    values: { ...values, onFound: (found) => sayFound(solved + found, encoded.length) },
    previous,
    convergedBelow: EDIT_AUTO.convergedBelow,
    keepUnconverged: options.publish === "always",
    now,
    onBatch: ({ batch, batches, facts }) => {
      solved = facts;
      saySolved(batch, batches);
    },
  });
  return search.catch((error) => {
    throw withOptions(error, plan, options);
  });
}

/** Numbers that are not finite come of options that are far from the usual. */
function withOptions(error: unknown, plan: EditPlan, { kl_factor, weight_decay }: EditOptions): unknown {
  if (!(error instanceof TrimtabError) || error.code !== "non_finite") return error;
  const { clamp, lambda, learningRate: rate } = plan;
  const shown = typeof rate === "number" ? `learning_rate ${rate}, ` : "";
  return new TrimtabError(
    "non_finite",
    `the solve left the range of numbers (${error.message}) with ${shown}clamp ${clamp}, kl_factor ${kl_factor}, weight_decay ${weight_decay} and lambda ${lambda}; leave out those that you set, or set them nearer to their defaults`,
    { param: "options", cause: error },
  );
}

/** Whether the model with these weights continues the prompts of facts with their new targets. */
export async function holding(
  values: EditedValues,
  { subject, encoder, isEnd }: Pick<PreparedEdit, "subject" | "encoder" | "isEnd">,
  facts: readonly EncodedFact[],
): Promise<boolean[]> {
  const none = { source: "none", texts: [] } as const;
  const asked = facts.map((encoded) => ({ encoded, prompts: { paraphrases: none, neighbours: none } }));
  const answers = await askFacts(subject, values, asked, { encoder, isEnd, forced: false });
  return answers.map(({ follows }) => follows);
}

/** Keys of earlier facts by their bare prompts; a fact that does not fit in this edit's format is left out. */
function readEarlier(
  model: EditModel,
  { encoder }: Pick<PreparedEdit, "encoder">,
  { facts, layer }: { readonly facts: EarlierEdit["file"]["facts"]; readonly layer: number },
): Promise<DenseMatrix> {
  const encoded = facts.flatMap(({ index, ...fact }) => {
    try {
      return [encoder.encode({ index, line: 0, fact: { ...fact, kind: "fact" } }, [])];
    } catch (error) {
      if (error instanceof TrimtabError && error.code === "invalid_dataset") return [];
      throw error;
    }
  });
  return readKeys(model, encoded, { layer, mean: KEY_MEAN });
}

/** Facts that the anchor is measured on. */
const ANCHOR_FACTS = 50;

/**
 * The length that values are scaled to: that of the first earlier edit that measured one at this layer, else of these facts on the
 * unedited model.
 */
async function anchorOf(
  model: EditModel,
  facts: readonly ScoredFact["encoded"][],
  { values, edits }: { readonly values: ValueOptions; readonly edits: readonly EarlierEdit[] },
): Promise<number> {
  const known = knownAnchor(edits, values.layer);
  if (known !== undefined) return known;
  const bare = facts.slice(0, ANCHOR_FACTS).map((fact) => ({ ...fact, contexts: fact.contexts.slice(0, 1) }));
  const found = await findValues(model, bare, values);
  return valueAnchor(found.map(({ delta, start: { mlp } }) => lengthOf(mlp.map((value, at) => value + delta[at]!))));
}
