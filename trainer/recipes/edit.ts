import { checkEdit, type EditSettings } from "../../shared/api/edit-settings.ts";
import { settingsPath } from "../../shared/api/methods.ts";
import { EDIT_REPORT_FILE, type EditConflict, EditReport } from "../../shared/edits/report.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { symmetricEigen } from "../../shared/linalg/symmetric-eigen.ts";
import { weightName } from "../../shared/model/modules.ts";
import { f32 } from "../../shared/tensor.ts";
import { interferingKeys, statedConflicts } from "../edits/conflicts.ts";
import { type EarlierEdit, previousKeys } from "../edits/earlier-edits.ts";
import { EditModel, editedModule, type Factors } from "../edits/edit-model.ts";
import { EDIT_AUTO, type EditPlan, editPlan } from "../edits/edit-plan.ts";
import { type FactRecord, factReport, forcedShares, freeShares, summaryOf } from "../edits/edit-report.ts";
import type { EditedValues } from "../edits/edited-subject.ts";
import { findValues, lengthOf, type ValueOptions } from "../edits/find-values.ts";
import { lossTexts, measureBaseLoss, measureFluency } from "../edits/measure-edit.ts";
import { publishEdit, published } from "../edits/publish-edit.ts";
import { askFacts, type FactAnswers, type ScoredFact } from "../edits/score-edits.ts";
import { type SequenceResult, solveSequence } from "../edits/sequence.ts";
import { compress } from "../edits/solve/compress.ts";
import { valueAnchor } from "../edits/solve/norm-scaling.ts";
import { nullSpaceProjector } from "../edits/solve/null-space.ts";
import { KEY_MEAN, type LayerKnowledge, sizeOfChange } from "../edits/solve-batch.ts";
import { readKeys } from "../edits/subject-states.ts";
import { type PreparedEdit, prepareEdit } from "./edit/prepare-edit.ts";
import type { Metrics, RecipeContext, RecipeJob, RecipeOutcome, UnpublishedOutcome } from "./recipe.ts";

/**
 * Edits facts into a model by ROME, MEMIT or AlphaEdit, and publishes the change as a delta of low rank on `mlp.down_proj`, measured
 * against the unedited model: see shared/edits/report.ts for what `edit.json` says. A stopped job starts again. The delta has the edit
 * alone, also where it was solved on other deltas.
 *
 * Throws `invalid_file`, `invalid_dataset`, `invalid_request` and `invalid_model` with what to change, and `non_finite`.
 */
export async function edit(
  job: RecipeJob<EditSettings>,
  context: RecipeContext,
): Promise<RecipeOutcome | UnpublishedOutcome> {
  const prepared = await prepareEdit(job, context);
  try {
    return await editPrepared(job, context, prepared);
  } finally {
    await prepared.close();
  }
}

async function editPrepared(
  job: RecipeJob<EditSettings>,
  context: RecipeContext,
  prepared: PreparedEdit,
): Promise<RecipeOutcome | UnpublishedOutcome> {
  const { settings } = job;
  const { options } = settings;
  const { say, scored, subject, start, layers, seconds, clock } = prepared;
  checkEdit(settings, start.config, settingsPath(job));
  const asking = { encoder: prepared.encoder, isEnd: prepared.isEnd };
  say(`Asking the unedited model about ${scored.length} facts`, { phase: "before", facts: scored.length });
  let mark = clock();
  const before = await askFacts(subject, subject.unedited, scored, asking);
  seconds.scoring += clock() - mark;
  const wanted = scored.filter((_, i) => !before[i]!.follows);
  if (wanted.length === 0 && !settings.check_only) {
    const problem = scored.length === 1 ? "the fact is" : `all ${scored.length} facts are`;
    throw new TrimtabError("invalid_request", `${problem} known to the model already, so there is nothing to edit.`, {
      param: "training_file",
    });
  }
  const plan = editPlan(settings, { facts: Math.max(1, wanted.length), earlier: start.edits.length });
  const model = new EditModel({
    ...{ executor: context.executor, config: start.config, weights: start.weights, layers },
    yieldToEventLoop: context.yieldToEventLoop,
  });
  try {
    const conflicts = await findConflicts(prepared, model);
    if (settings.check_only) {
      const report = reportOf(prepared, plan, {
        records: recordsOf(scored, before),
        conflicts,
        published: false,
        changes: [],
      });
      return await unpublished(context, prepared, report);
    }
    mark = clock();
    const result = await solve(job, context, { prepared, model, plan, wanted });
    seconds.values += result.seconds.values;
    seconds.solve += clock() - mark - result.seconds.values;
    const changes = new Map(
      result.layers.map((layer) => [layer.layer, { ...layer, ...compress(layer, options.rank) }] as const),
    );
    mark = clock();
    say("Asking the edited model", { phase: "after", facts: scored.length });
    const edited = editedValues(prepared, changes);
    const after = await askFacts(subject, edited, scored, asking);
    const measured = { ...asking, subject, edited, tokenizer: prepared.tokenizer };
    const fluency = await measureFluency(
      wanted.map(({ encoded }) => encoded.fact.subject),
      measured,
    );
    const { maxPositions } = start.config;
    const loss = await measureBaseLoss(lossTexts(prepared.probes.texts, prepared.tokenizer, maxPositions), measured);
    seconds.scoring += clock() - mark;
    const solved = new Map(result.facts.map((one) => [one.fact, one]));
    const changed = changes.size > 0;
    const records = scored.map((one, i): FactRecord => {
      return {
        scored: one,
        before: before[i]!,
        after: changed ? after[i] : undefined,
        solved: solved.get(one.encoded),
      };
    });
    const holds = records.some((record) => factReport(record).status === "edited");
    const isPublished = changed && (holds || options.publish === "always");
    const shown = [...changes].map(([layer, change]) => {
      const { norm, relative } = sizeOfChange(change, originalOf(prepared, layer));
      return {
        ...{ layer, module: editedModule(layer), rank: change.rank, norm, relative_norm: relative, lost: change.lost },
        ...change.solve,
      };
    });
    const report = reportOf(prepared, plan, {
      records,
      conflicts,
      published: isPublished,
      changes: shown,
      fluency,
      loss,
    });
    if (!isPublished) {
      const why = changed ? "no fact holds" : "no fact was solved";
      say(`Nothing is published: ${why}`, { phase: "done" }, "warn");
      return await unpublished(context, prepared, report);
    }
    await keepReport(context, report);
    say(summaryOf(report), { phase: "done" });
    const metrics = metricsOf(report);
    const kept = result.facts.filter(({ outcome }) => outcome === "solved").map(({ fact }) => fact.fact);
    const folder = await publishEdit({
      ...{ job, model: prepared.base, changes, metrics, parents: start.parents },
      file: {
        method: plan.method,
        value_norm: prepared.anchor ?? null,
        facts: kept.map(({ prompt, subject: about, target_new }) => ({ prompt, subject: about, target_new })),
        keys: new Map(result.layers.map(({ layer, keys }) => [layer, keys])),
      },
    });
    return { folder, metrics, trainedTokens: prepared.tokens, hyperparameters: resolved(plan, prepared) };
  } finally {
    await model.dispose();
  }
}

/** Finds values and solves them on `model`, which keeps the changes. */
async function solve(
  job: RecipeJob<EditSettings>,
  context: RecipeContext,
  {
    prepared,
    model,
    plan,
    wanted,
  }: { prepared: PreparedEdit; model: EditModel; plan: EditPlan; wanted: readonly ScoredFact[] },
): Promise<SequenceResult> {
  const { options } = job.settings;
  const { say, layers, statistics, start } = prepared;
  const values: ValueOptions = {
    layer: layers.at(-1)!,
    measuredBy: plan.method === "rome" ? "mlp" : "layer",
    ...{ steps: options.steps, learningRate: plan.learningRate, clamp: plan.clamp },
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
      const threshold = asked === "auto" ? unusedBelow(symmetricEigen(secondMoment).values) : asked;
      const { projector, dimension } = nullSpaceProjector(secondMoment, threshold);
      say(`Layer ${layer}: ${dimension} of ${size} directions of keys are free to change`, { layer, dimension });
      knowledge.set(layer, { secondMoment, projector });
    }
  }
  const width = statistics.get(layers[0]!)!.secondMoment.shape[0]!;
  say(`Finding values of ${encoded.length} facts`, { phase: "values", done: 0, of: encoded.length });
  let done = 0;
  return solveSequence(model, encoded, {
    ...{
      method: plan.method,
      layers,
      lambda: plan.lambda,
      knowledge,
      batchSize: plan.batchSize,
      anchor: prepared.anchor,
    },
    values: {
      ...values,
      onFound: (found) =>
        say(`Found ${done + found} of ${encoded.length} values`, {
          phase: "values",
          done: done + found,
          of: encoded.length,
        }),
    },
    previous: plan.method !== "rome" ? previousKeys(start.edits, layers, width) : new Map(),
    convergedBelow: EDIT_AUTO.convergedBelow,
    keepUnconverged: options.publish === "always",
    now: context.now,
    onBatch: ({ batch, batches, facts }) => {
      done = facts;
      say(`Solved batch ${batch} of ${batches}`, { phase: "solve", batch, batches, done, of: encoded.length });
    },
  });
}

/** The eigenvalue below which the least used share of directions lies; ascending values. */
function unusedBelow(values: Float64Array): number {
  return values[Math.min(values.length - 1, Math.ceil(values.length * EDIT_AUTO.nullSpace))]!;
}

/** Facts that the anchor is measured on. */
const ANCHOR_FACTS = 50;

/** The length that values are scaled to: that of the first earlier edit that measured one, else of these facts on the unedited model. */
async function anchorOf(
  model: EditModel,
  facts: readonly ScoredFact["encoded"][],
  { values, edits }: { readonly values: ValueOptions; readonly edits: readonly EarlierEdit[] },
): Promise<number> {
  const known = edits.find(({ file }) => file.value_norm !== null)?.file.value_norm;
  if (known != null) return known;
  const bare = facts.slice(0, ANCHOR_FACTS).map((fact) => ({ ...fact, contexts: fact.contexts.slice(0, 1) }));
  const found = await findValues(model, bare, values);
  return valueAnchor(found.map(({ delta, start: { mlp } }) => lengthOf(mlp.map((value, at) => value + delta[at]!))));
}

async function findConflicts(
  { scored, start, layers, statistics, seconds, clock }: PreparedEdit,
  model: EditModel,
): Promise<EditConflict[]> {
  const mark = clock();
  const facts = scored.map(({ encoded }) => encoded.fact);
  const layer = layers.at(-1)!;
  const keys = await readKeys(
    model,
    scored.map(({ encoded }) => encoded),
    { layer, mean: KEY_MEAN },
  );
  const { secondMoment } = statistics.get(layer)!;
  const found = [
    ...statedConflicts(facts, start.edits),
    ...interferingKeys(facts, keys, { edits: start.edits, layer, secondMoment }),
  ];
  seconds.solve += clock() - mark;
  return found;
}

function originalOf({ start }: PreparedEdit, layer: number) {
  const { shape, data } = start.weights.get(weightName(editedModule(layer)))!;
  return { dtype: "f64" as const, shape, data: Float64Array.from(data) };
}

/** The edited weights as they are served: with the factors in 32 bits. */
function editedValues(prepared: PreparedEdit, changes: ReadonlyMap<number, Factors>): EditedValues {
  const values = new Map(prepared.subject.unedited);
  for (const [layer, factors] of changes) {
    const { a, b } = published(factors);
    const { shape, data } = originalOf(prepared, layer);
    const [rank, columns] = b.shape as [number, number];
    for (let row = 0; row < shape[0]!; row++) {
      for (let inner = 0; inner < rank; inner++) {
        const factor = a.data[row * rank + inner]!;
        for (let column = 0; column < columns; column++)
          data[row * columns + column]! += factor * b.data[inner * columns + column]!;
      }
    }
    values.set(weightName(editedModule(layer)), f32(shape, Float32Array.from(data)));
  }
  return values;
}

const recordsOf = (scored: readonly ScoredFact[], before: readonly FactAnswers[]): FactRecord[] =>
  scored.map((one, i) => ({ scored: one, before: before[i]!, after: undefined, solved: undefined }));

interface ReportParts {
  readonly records: readonly FactRecord[];
  readonly conflicts: EditConflict[];
  readonly published: boolean;
  readonly changes: EditReport["changes"];
  readonly fluency?: EditReport["fluency"];
  readonly loss?: EditReport["base_loss"];
}

function reportOf(prepared: PreparedEdit, plan: EditPlan, parts: ReportParts): EditReport {
  const { layers, layersFrom, statistics, seconds, clock, began } = prepared;
  const asked = parts.records.flatMap(({ before, after }) =>
    after === undefined || before.follows ? [] : [{ before, after }],
  );
  const all = [...statistics.values()];
  const [first] = all;
  return EditReport.parse({
    format: "trimtab.edit/1",
    ...{
      method: plan.method,
      layers,
      layers_from: layersFrom,
      norm_scaling: plan.normScaling,
      published: parts.published,
    },
    facts: parts.records.map(factReport),
    scores: freeShares(asked),
    teacher_forced: forcedShares(asked),
    ...{ fluency: parts.fluency ?? null, base_loss: parts.loss ?? null, changes: parts.changes },
    statistics: {
      ...{ source: first!.source, tokens: first!.tokens },
      convergence: first!.convergence.map(({ tokens }, i) => ({
        tokens,
        change: Math.max(...all.map(({ convergence }) => convergence[i]?.change ?? 0)),
      })),
    },
    conflicts: parts.conflicts,
    seconds: { ...seconds, total: clock() - began },
  });
}

async function keepReport({ keepFile }: RecipeContext, report: EditReport): Promise<void> {
  await keepFile({ name: EDIT_REPORT_FILE, bytes: new TextEncoder().encode(`${JSON.stringify(report, null, 1)}\n`) });
}

async function unpublished(
  context: RecipeContext,
  prepared: PreparedEdit,
  report: EditReport,
): Promise<UnpublishedOutcome> {
  await keepReport(context, report);
  return { folder: null, metrics: metricsOf(report), trainedTokens: prepared.tokens, hyperparameters: {} };
}

function metricsOf({ scores, teacher_forced: forced, base_loss: loss }: EditReport): Metrics {
  const shares = [
    ...Object.entries(scores),
    ...Object.entries(forced).map(([name, value]) => [`teacher_forced/${name}`, value] as const),
    ["base_loss_change", loss?.change ?? null] as const,
  ];
  return Object.fromEntries(shares.filter((one): one is [string, number] => one[1] !== null));
}

function resolved(plan: EditPlan, { layers }: PreparedEdit): RecipeOutcome["hyperparameters"] {
  const { method, clamp, lambda, batchSize, normScaling } = plan;
  return { method, layers: layers.join(", "), clamp, lambda, batch_size: batchSize, norm_scaling: normScaling };
}
