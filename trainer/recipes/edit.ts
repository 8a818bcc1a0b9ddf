import type { EditSettings } from "../../shared/api/edit-settings.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { EditModel, editedModule } from "../edits/edit-model.ts";
import { factReport, summaryOf } from "../edits/edit-report.ts";
import { lossTexts, measureBaseLoss, measureFluency } from "../edits/measure-edit.ts";
import { publishEdit } from "../edits/publish-edit.ts";
import { askFacts } from "../edits/score-edits.ts";
import { compress } from "../edits/solve/compress.ts";
import { sizeOfChange } from "../edits/solve-batch.ts";
import { editedValues, originalOf } from "./edit/edited-weights.ts";
import { findConflicts } from "./edit/find-conflicts.ts";
import { keepReport, metricsOf, recordsOf, reportOf, resolved, unpublished } from "./edit/keep-report.ts";
import { planFacts } from "./edit/plan-facts.ts";
import { type PreparedEdit, prepareEdit } from "./edit/prepare-edit.ts";
import { refineFacts } from "./edit/refine-facts.ts";
import { solveFacts } from "./edit/solve-facts.ts";
import type { RecipeContext, RecipeJob, RecipeOutcome, UnpublishedOutcome } from "./recipe.ts";

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
  say(`Asking the unedited model about ${scored.length} facts`, { phase: "before", facts: scored.length });
  let mark = clock();
  const before = await askFacts(subject, subject.unedited, scored, prepared);
  seconds.scoring += clock() - mark;
  const wanted = scored.filter((_, i) => !before[i]!.follows);
  const plan = planFacts(settings, {
    ...{ facts: Math.max(1, wanted.length), earlier: start.edits.length, layers },
    targetTokens: wanted.reduce((most, { encoded }) => Math.max(most, encoded.target.length), 1),
  });
  const unchanged = { records: recordsOf(scored, { before }), conflicts: [], published: false, changes: [] };
  if (wanted.length === 0 && !settings.check_only) {
    await keepReport(context, reportOf(prepared, plan, unchanged));
    const problem = scored.length === 1 ? "the fact is" : `all ${scored.length} facts are`;
    throw new TrimtabError("invalid_request", `${problem} known to the model already, so there is nothing to edit.`, {
      param: "training_file",
    });
  }
  const model = new EditModel({
    ...{ executor: context.executor, config: start.config, weights: start.weights, layers },
    yieldToEventLoop: context.yieldToEventLoop,
  });
  try {
    const conflicts = await findConflicts(prepared, model);
    if (settings.check_only) {
      return await unpublished(context, prepared, reportOf(prepared, plan, { ...unchanged, conflicts }));
    }
    mark = clock();
    const result = await solveFacts({ prepared, model, plan, options, wanted, now: context.now });
    seconds.values += result.seconds.values;
    seconds.solve += clock() - mark - result.seconds.values;
    const solved = new Map(
      result.layers.map((layer) => [layer.layer, { ...layer, ...compress(layer, options.rank) }] as const),
    );
    if (solved.size === 0) {
      say("Nothing is published: no fact was solved", { phase: "done" }, "warn");
      const records = recordsOf(scored, { before, solved: result.facts });
      return await unpublished(context, prepared, reportOf(prepared, plan, { ...unchanged, records, conflicts }));
    }
    mark = clock();
    const kept = result.facts.filter(({ outcome }) => outcome === "solved").map(({ fact }) => fact);
    const known = scored.filter((_, i) => before[i]!.follows).map(({ encoded }) => encoded);
    const refining = { ...{ prepared, context, model, plan, seed: job.seed }, facts: kept, known };
    const changes = await refineFacts(solved, refining);
    seconds.refine += clock() - mark;
    mark = clock();
    say("Asking the edited model", { phase: "after", facts: scored.length });
    const edited = editedValues(prepared, changes);
    const after = await askFacts(subject, edited, scored, prepared);
    const subjects = wanted.map(({ encoded }) => encoded.fact.subject);
    const fluency = await measureFluency(subjects, { ...prepared, edited });
    const texts = lossTexts(prepared.probes.texts, prepared.tokenizer, start.config.maxPositions);
    const loss = await measureBaseLoss(texts, { subject, edited });
    seconds.scoring += clock() - mark;
    const records = recordsOf(scored, { before, after, solved: result.facts });
    const holds = records.some((record) => factReport(record).status === "edited");
    const shown = [...changes].map(([layer, change]) => {
      const { norm, relative } = sizeOfChange(change, originalOf(prepared, layer));
      return {
        ...{ layer, module: editedModule(layer), rank: change.rank, norm, relative_norm: relative, lost: change.lost },
        ...change.solve,
      };
    });
    const isPublished = holds || options.publish === "always";
    const parts = { records, conflicts, published: isPublished, changes: shown, fluency, loss };
    const report = reportOf(prepared, plan, parts);
    if (!isPublished) {
      say("Nothing is published: no fact holds", { phase: "done" }, "warn");
      return await unpublished(context, prepared, report);
    }
    await keepReport(context, report);
    say(summaryOf(report), { phase: "done" });
    const metrics = metricsOf(report);
    const folder = await publishEdit({
      ...{ job, model: prepared.base, changes, metrics, parents: start.parents },
      file: {
        method: plan.method,
        value_norm: prepared.anchor ?? null,
        facts: kept.map(({ index, fact: { prompt, subject: about, target_new } }) => {
          return { index, prompt, subject: about, target_new };
        }),
        keys: new Map(result.layers.map(({ layer, keys }) => [layer, keys])),
      },
    });
    return { folder, metrics, trainedTokens: prepared.tokens, hyperparameters: resolved(plan, prepared) };
  } finally {
    await model.dispose();
  }
}
