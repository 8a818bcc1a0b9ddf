/** Several files in one run: what is read of each, how often it is gone through, and what the run does to each. */
import type { MixtureSettings } from "../../shared/api/mixtures.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Tensor } from "../../shared/tensor.ts";
import { mixtureOrder, mixtureShares } from "../data/mixture-plan.ts";
import type { StepPlan } from "../data/step-plan.ts";
import type { Unit } from "../data/units.ts";
import type { Evaluator, Measurement } from "./evaluator.ts";
import type { Metrics, RecipeContext } from "./recipe.ts";

/** The units of one file among those of all, which stand one file after another. */
export interface FileUnits {
  /** As metrics name it: no two are the same. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Where each file's units are, given how many it has. */
export function filesInOrder(files: readonly { readonly name: string; readonly units: number }[]): FileUnits[] {
  const names = distinctNames(files.map(({ name }) => name));
  let from = 0;
  return files.map(({ units }, at) => {
    const to = from + units;
    const place = { name: names[at]!, from, to };
    from = to;
    return place;
  });
}

/** Room for a name in that of a metric, which has 64 characters at most: `valid_mean_token_accuracy/NAME (32)`. */
const MOST_NAME = 32;

function distinctNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const short = name.slice(0, MOST_NAME);
    let distinct = short;
    for (let times = 2; taken.has(distinct); times++) distinct = `${short} (${times})`;
    taken.add(distinct);
    return distinct;
  });
}

/** How a run mixes its files. */
export interface RunMixture {
  readonly files: readonly (FileUnits & { readonly perEpoch: number })[];
  /** Units of an epoch. */
  readonly perEpoch: number;
  /** The units of an epoch in order. */
  readonly order: (epoch: number) => Uint32Array;
}

export interface MixtureOptions extends MixtureSettings {
  readonly shares: readonly { readonly weight: number; readonly maxExamples?: number | undefined }[];
  readonly seed: number;
}

/** Throws `invalid_request` for weights that make an epoch longer than is planned at once. */
export function mixFiles(
  files: readonly FileUnits[],
  { shares, temperature, strategy, seed }: MixtureOptions,
): RunMixture {
  const counted = files.map(({ from, to }, at) => ({ units: to - from, ...shares[at]! }));
  const wanted = counted.reduce(
    (sum, { units, weight, maxExamples = Infinity }) => sum + Math.min(units * weight, maxExamples),
    0,
  );
  if (wanted > LIMITS.mixtureEpoch) {
    const message = `\`training_file\` makes an epoch of ${Math.round(wanted)} examples, and at most ${LIMITS.mixtureEpoch} are planned. Lower its weights, or set \`max_examples\`.`;
    throw new TrimtabError("invalid_request", message, { param: "training_file" });
  }
  const { counts, perEpoch } = mixtureShares(counted, temperature);
  return {
    files: files.map((file, at) => ({ ...file, perEpoch: counts[at]! })),
    perEpoch,
    order: mixtureOrder({ files: counted, counts, strategy, seed }),
  };
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** Says how the files will be mixed. */
export function plannedEvent({ files, perEpoch }: RunMixture): Parameters<RecipeContext["event"]>[0] {
  const planned = files.map(({ name, from, to, perEpoch: count }) => ({
    ...{ name, examples: to - from, per_epoch: count, share: count / perEpoch },
  }));
  const each = planned.map(({ name, examples, per_epoch: count, share }) => {
    return `${name} ${percent(share)} (${count} an epoch, of ${examples})`;
  });
  const message = `An epoch has ${perEpoch} examples of ${files.length} files: ${each.join("; ")}`.slice(
    0,
    LIMITS.eventMessage,
  );
  return { level: "info", type: "message", message, data: { files: planned, per_epoch: perEpoch } };
}

export interface Realised {
  readonly event: Parameters<RecipeContext["event"]>[0];
  /** `share/NAME` and `epochs/NAME` of each file. */
  readonly metrics: Metrics;
}

/** What a run of so many steps has trained on of each file. */
export function realised({ files, perEpoch }: RunMixture, plan: Pick<StepPlan, "groups">, steps: number): Realised {
  const trained = files.map(() => 0);
  for (let step = 0; step < steps; step++) {
    for (const index of plan.groups(step).flat()) {
      trained[files.findIndex(({ to }) => index < to)]! += 1;
    }
  }
  const all = trained.reduce((sum, count) => sum + count, 0);
  const done = files.map(({ name, from, to, perEpoch: count }, at) => ({
    name,
    trained: trained[at]!,
    share: all === 0 ? 0 : trained[at]! / all,
    planned: count / perEpoch,
    epochs: trained[at]! / (to - from),
  }));
  const each = done.map(({ name, share, planned, epochs }) => {
    return `${name} ${percent(share)} (planned ${percent(planned)}), gone through ${epochs.toFixed(2)} times`;
  });
  const message = `Trained on ${all} examples: ${each.join("; ")}`.slice(0, LIMITS.eventMessage);
  const metrics = done.flatMap(({ name, share, epochs }) => [
    [`share/${name}`, share],
    [`epochs/${name}`, epochs],
  ]);
  return {
    event: { level: "info", type: "message", message, data: { files: done, examples: all } },
    metrics: Object.fromEntries(metrics) as Metrics,
  };
}

/**
 * An evaluator that also measures each of several files by itself, as `loss/NAME` and, of an objective that has it,
 * `mean_token_accuracy/NAME`. It is given all of their units, in the files' order. One file, or none, is measured as a whole alone.
 */
export function measuringEach(evaluator: Evaluator, files: readonly FileUnits[] | undefined): Evaluator {
  if (files === undefined) return evaluator;
  return {
    async measure(values, units): Promise<Measurement> {
      const whole = await evaluator.measure(values, units);
      return { ...whole, metrics: { ...whole.metrics, ...(await eachFile(evaluator, values, { units, files })) } };
    },
    dispose: () => evaluator.dispose(),
  };
}

/** Units of each training file that are measured at a run's end. */
const MEASURED = 128;

/** The same on the beginnings of training files. */
export function measureBeginnings(
  evaluator: Evaluator,
  values: ReadonlyMap<string, Tensor>,
  { units, files }: MeasuredFiles,
): Promise<Metrics> {
  const beginnings = files.map(({ name, from, to }) => ({ name, from, to: Math.min(to, from + MEASURED) }));
  return eachFile(evaluator, values, { units, files: beginnings });
}

/** The metric of an objective that files are compared by beside the loss: points of it are easier to read than nats. */
const ACCURACY = "mean_token_accuracy";

interface MeasuredFiles {
  readonly units: readonly Unit[];
  readonly files: readonly FileUnits[];
}

async function eachFile(
  evaluator: Evaluator,
  values: ReadonlyMap<string, Tensor>,
  { units, files }: MeasuredFiles,
): Promise<Metrics> {
  const measured: Record<string, number> = {};
  for (const { name, from, to } of files) {
    const { loss, metrics } = await evaluator.measure(values, units.slice(from, to));
    measured[`loss/${name}`] = loss;
    const accuracy = metrics[ACCURACY];
    if (accuracy !== undefined) measured[`${ACCURACY}/${name}`] = accuracy;
  }
  return measured;
}
