/**
 * Rehearsal: old data in every step, so that what it teaches is not forgotten (Robins, "Catastrophic forgetting, rehearsal and
 * pseudorehearsal", 1995). With the ratio r a step minimises
 *
 *     L_job + r / (1 − r) · L_rehearsal,
 *
 * each a mean over its own tokens, whatever the lengths of the texts; L_rehearsal is the next-token loss of m texts, m / (n + m) ≈ r
 * for n examples of the job. The texts come in an order of each pass's own, all of them before one comes again.
 */
import { BASE_TEXTS, REHEARSAL_RATIO } from "../../../shared/api/keeping-settings.ts";
import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { parseTrainingFile } from "../../../shared/data/training-lines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { CORPUS_FILE } from "../../../shared/evaluation/corpus.ts";
import { createRandom } from "../../../shared/random.ts";
import { stepBatches } from "../../data/batches.ts";
import { tokenizeUnits } from "../../data/examples.ts";
import { tokensOf, type Unit } from "../../data/units.ts";
import { unitsWithVirtualTokens } from "../../data/virtual-tokens.ts";
import { drawMasks } from "../../loop/random-masks.ts";
import { companionGraph, feedsFor, frozenTensors } from "../causal-graphs.ts";
import { chooseRows } from "../choose-rows.ts";
import type { PreparedRun } from "../prepare-run.ts";
import type { RecipeContext, RecipeJob } from "../recipe.ts";
import { baseTextIds, baseTexts } from "./base-texts.ts";
import type { StepCompanion } from "./companion.ts";

/** What the events call its loss and its tokens. */
export const REHEARSAL_LOSS = "rehearsal_loss";

export interface RehearsalOptions<S extends TrainingSettings> {
  readonly job: RecipeJob<S>;
  readonly run: PreparedRun;
  readonly param: string;
  readonly context: Pick<RecipeContext, "event" | "yieldToEventLoop">;
}

/** undefined for a job that does not ask for it. Throws `invalid_request` or `invalid_dataset` for texts that cannot be used. */
export async function createRehearsal<S extends TrainingSettings>(
  options: RehearsalOptions<S>,
): Promise<StepCompanion | undefined> {
  const { job, run, context } = options;
  const { rehearsal_file: file, rehearsal_ratio: ratio = REHEARSAL_RATIO } = job.settings.hyperparameters;
  if (file === undefined) return undefined;
  const { config, method, own, plan, tokenizer, weights } = run;
  const { totalSteps } = run.hyperparameters.schedule;
  const { virtualTokens = 0 } = method;
  const read = await rehearsedUnits(options, file);
  const units = unitsWithVirtualTokens(read, virtualTokens, tokenizer.padId);
  const perStep = Math.max(1, Math.round((plan.groups(0).flat().length * ratio) / (1 - ratio)));
  const groups = (step: number) => [textsOfStep({ step, perStep, texts: units.length, seed: job.seed })];
  const rows = chooseRows({
    ...{ config, totalSteps, validation: [], packing: true, padId: tokenizer.padId, form: { examples: 1 } },
    plan: { groups, stepsPerEpoch: Math.ceil(units.length / perStep) },
    training: units.map(({ examples }) => ({ lengths: examples.map(({ ids }) => ids.length), shared: 0 })),
    limit: virtualTokens + run.maxLength,
  });
  const graph = companionGraph({
    ...{ config, method, shape: rows.shape, name: "rehearsal", reported: REHEARSAL_LOSS, weight: ratio / (1 - ratio) },
    untouched: new Set(own?.parameters.map(({ name }) => name)),
  });
  const frozen = frozenTensors(weights, method);
  const masks = method.randomInputs(rows.shape);
  context.event({
    level: "info",
    type: "message",
    message: `Rehearsing ${perStep} of ${units.length} texts a step, with the share ${ratio} of its weight`,
    data: { texts: units.length, texts_per_step: perStep, rehearsal_ratio: ratio },
  });
  return {
    metrics: { [REHEARSAL_LOSS]: "sum" },
    step(step) {
      const chosen = groups(step).map((group) => group.map((index) => units[index]!));
      const batches = stepBatches(chosen, rows).map(({ feeds }, micro) => ({
        feeds: {
          ...feedsFor(graph, feeds),
          // Masks of their own: the job's micro-batches of the step have the numbers from 0.
          ...drawMasks(masks, { seed: job.seed, step, micro: REHEARSAL_MASKS + micro }),
        },
        ...{ trainedTokens: 0, graph, frozen },
      }));
      return { batches, tokens: tokensOf(chosen.flat()) };
    },
  };
}

const REHEARSAL_MASKS = 1 << 20;

/** The numbers of a step's texts; a pure function of its arguments. */
export function textsOfStep(of: {
  readonly step: number;
  readonly perStep: number;
  readonly texts: number;
  readonly seed: number;
}): number[] {
  const { step, perStep, texts, seed } = of;
  const orders = new Map<number, Uint32Array>();
  return Array.from({ length: perStep }, (_, nth) => {
    const at = step * perStep + nth;
    const pass = Math.floor(at / texts);
    const order = orders.get(pass) ?? createRandom(seed, "rehearsal", pass).permutation(texts);
    orders.set(pass, order);
    return order[at % texts]!;
  });
}

async function rehearsedUnits<S extends TrainingSettings>(
  { job, run, param, context }: RehearsalOptions<S>,
  file: string,
): Promise<readonly Unit[]> {
  const { tokenizer, maxLength } = run;
  if (file !== BASE_TEXTS) {
    const { rehearsal } = job;
    if (rehearsal == null) throw new TrimtabError("internal_error", "the job came without its rehearsal file");
    function* lines() {
      for (const { line, example } of parseTrainingFile(rehearsal!.bytes, { name: rehearsal!.name })) {
        yield { line, examples: [example] };
      }
    }
    const date = new Date(job.createdAt * 1000);
    const { yieldToEventLoop } = context;
    return (await tokenizeUnits(lines(), { tokenizer, maxLength, date, param, yieldToEventLoop })).units;
  }
  const { corpus } = baseTexts(job.base.files);
  const units: Unit[] = [];
  for (const text of corpus ?? []) {
    const ids = baseTextIds(tokenizer, text, maxLength);
    // A text of one token teaches nothing: no token stands before it.
    if (ids.length > 1) units.push({ examples: [{ ids, labels: ids }] });
    if (units.length % 256 === 0) await context.yieldToEventLoop();
  }
  if (units.length > 0) return units;
  const message = `\`${param}\` is "${BASE_TEXTS}", but ${job.base.id} comes without texts of its own (${CORPUS_FILE}): upload a file of texts and send its id.`;
  throw new TrimtabError("invalid_request", message, { param });
}
