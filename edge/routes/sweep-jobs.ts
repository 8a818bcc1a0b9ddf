/** The creation of sweeps, and their dry runs: every trial is treated as the job that it will be. */
import type { Context } from "hono";
import type { JobValidation } from "../../shared/api/job-validation.ts";
import { CreateJob, type Job, jobRequest } from "../../shared/api/jobs.ts";
import { requireMixable, requireStartsFrom } from "../../shared/api/methods.ts";
import { requestError } from "../../shared/api/parse.ts";
import { isTrained } from "../../shared/api/pipelines.ts";
import { SWEEP_PATH, type SweepSettings, VALIDATION_LOSS } from "../../shared/api/sweeps.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type Combination, combinationsOf } from "../../shared/trials/combinations.ts";
import { type Body, shownSettings, trialBody, trialError } from "../../shared/trials/trial-body.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { PlannedTrial } from "../objects/tenant/sweeps/sweep-rows.ts";
import type { AppEnv } from "./app-env.ts";
import { checkStart } from "./check-start.ts";
import { measured } from "./job-evals.ts";
import { methodOf } from "./job-method.ts";
import { checkTools, validateJob } from "./validate-job.ts";

export interface SweepRequestParts {
  readonly c: Context<AppEnv>;
  readonly request: CreateJob;
  readonly settings: SweepSettings;
  /** The request's body as it came: what an axis sets must not meet defaults of what it replaces. */
  readonly body: unknown;
}

interface CheckedTrial {
  readonly planned: PlannedTrial;
  readonly maxLength: number;
  /** Runs a further check; its errors are those of the trial. */
  readonly inTrial: <T>(check: () => Promise<T>) => Promise<T>;
}

/** Creates a sweep. Throws what the creation of each trial's job would throw, with the axis that has set the field. */
export async function createSweep(parts: SweepRequestParts, key: Idempotency | null): Promise<Job> {
  const { c, request, settings } = parts;
  const tenant = c.var.caller.object;
  const seed = request.seed ?? drawSeed();
  const trials = await checkedTrials(parts, seed);
  for (const { planned, maxLength, inTrial } of ofEachDataset(trials)) {
    await inTrial(() => checkTools({ ...planned, maxLength, tenant, blobs: c.env.BLOBS }));
  }
  const planned = trials.map((trial) => trial.planned);
  return measured(c, request, (evals) =>
    tenant.sweeps.create({ request, settings, trials: planned, seed, evals }, key),
  );
}

/** A dry run of every trial that would read other data than those before it. */
export async function validateSweep(parts: SweepRequestParts & { readonly examples: number }): Promise<JobValidation> {
  const { c, request, examples } = parts;
  const trials = await checkedTrials(parts, request.seed ?? drawSeed());
  const runs: { readonly run: JobValidation; readonly name: string }[] = [];
  for (const { planned, maxLength, inTrial } of ofEachDataset(trials)) {
    const dry = { ...planned, maxLength, examples, tenant: c.var.caller.object, blobs: c.env.BLOBS };
    runs.push({ run: await inTrial(() => validateJob(dry)), name: `trial ${planned.trial}` });
  }
  const { training_file, validation_file } = runs[0]!.run;
  return {
    object: "fine_tuning.job.validation",
    model: request.model,
    valid: runs.every(({ run }) => run.valid),
    training_file,
    validation_file,
    stages: runs.map(({ run: { valid, training_file: training, validation_file: validation }, name }) => {
      return { name, valid, training_file: training, validation_file: validation };
    }),
  };
}

async function checkedTrials({ c, settings, body }: SweepRequestParts, seed: number): Promise<CheckedTrial[]> {
  const checked: CheckedTrial[] = [];
  for (const [index, combination] of combinationsOf(settings, seed).entries()) {
    checked.push(await checkedTrial({ c, settings, combination, trial: index + 1, body: body as Body }));
  }
  return checked;
}

interface TrialParts extends Pick<SweepRequestParts, "c" | "settings"> {
  readonly combination: Combination;
  readonly trial: number;
  readonly body: Body;
}

async function checkedTrial({ c, settings, combination, trial, body }: TrialParts): Promise<CheckedTrial> {
  const raw = trialBody(body, settings, combination);
  const type = String((raw.method as { type?: unknown }).type);
  const inTrial = async <T>(check: () => Promise<T>): Promise<T> => {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      throw trialError(error, { trial, settings, combination, type });
    }
  };
  return await inTrial(async () => {
    const parsed = CreateJob.safeParse(raw);
    if (!parsed.success) throw requestError(parsed.error, raw);
    const request = jobRequest(parsed.data);
    const asked = methodOf(request);
    if (!isTrained(asked)) {
      const message = `A sweep has no trials of the type ${asked.type}: name the type of a job that a trainer runs.`;
      throw new TrimtabError("invalid_request", message, { param: "method.type" });
    }
    requireStartsFrom(asked, "trial", "method.type");
    requireMixable(asked, request);
    if (settings.metric === VALIDATION_LOSS && request.validation_file === undefined) {
      const message = `\`validation_file\` is required: trials are compared by the loss on it. Name one, or another \`${SWEEP_PATH}.metric\`.`;
      throw new TrimtabError("invalid_request", message, { param: "validation_file" });
    }
    const { maxLength, ...start } = await checkStart(c, { request, asked, body: raw });
    const planned = { trial, settings: shownSettings(settings, combination), request, ...start };
    return { planned, maxLength, inTrial };
  });
}

/** The first trial of each set of data that trials read. */
function ofEachDataset(trials: readonly CheckedTrial[]): CheckedTrial[] {
  const read = new Map<string, CheckedTrial>();
  for (const trial of trials) {
    const { request, method, base } = trial.planned;
    const { training_file: training, validation_file: validation, mixture, validation_files: measured } = request;
    const key = JSON.stringify([training, validation, mixture, measured, method.type, base.digest, trial.maxLength]);
    if (!read.has(key)) read.set(key, trial);
  }
  return [...read.values()];
}

function drawSeed(): number {
  return new DataView(crypto.getRandomValues(new Uint8Array(4)).buffer).getUint32(0) >>> 1;
}
