/** How the embedded base is edited in the effect tests and in the figures of docs/edits/effects.md: as a job does by default. */
import { EditSettings } from "../../../shared/api/edit-settings.ts";
import type { EditMethod } from "../../../shared/edits/report.ts";
import { autoLayers, editPlan } from "../../../trainer/edits/edit-plan.ts";
import type { ValueOptions } from "../../../trainer/edits/find-values.ts";
import type { SequenceSetting } from "./edit-sequence.ts";

/** Where causal tracing finds that the embedded base recalls facts. */
const RECALLED = 0;
const DEPTH = { layers: 6 };

const layersOf = (method: EditMethod) => autoLayers(RECALLED, { ...DEPTH, method });
export const SEQUENCE_LAYERS = layersOf("memit");

function defaults(method: EditMethod) {
  const settings = EditSettings.parse({ method });
  const { options } = settings;
  const plan = editPlan(settings, { facts: 2, earlier: 0 });
  const values: ValueOptions = {
    ...{ layer: layersOf(method).at(-1)!, measuredBy: method === "rome" ? "mlp" : "layer", steps: plan.steps },
    ...{ learningRate: plan.learningRate, clamp: plan.clamp, stopBelow: plan.stopBelow },
    ...{ klFactor: options.kl_factor, weightDecay: options.weight_decay },
  };
  return { values, lambda: plan.lambda, rounds: plan.rounds, refine: plan.refine };
}

export const ROME: ValueOptions = defaults("rome").values;

export const sequenceSetting = (method: "memit" | "alphaedit"): Omit<SequenceSetting, "batchSize"> => ({
  ...{ method, layers: layersOf(method), ...defaults(method), normScaling: false },
});

/** The published methods solve a batch once; the default holds earlier keys, solves in rounds, scales values and refines. */
const published = (method: "memit" | "alphaedit") => ({ ...sequenceSetting(method), rounds: 1, refine: 0 });

export const SEQUENCES: readonly { readonly name: string; readonly setting: Omit<SequenceSetting, "batchSize"> }[] = [
  { name: "MEMIT", setting: { ...published("memit"), forgetsEarlier: true } },
  { name: "AlphaEdit", setting: published("alphaedit") },
  { name: "AlphaEdit with norm scaling", setting: { ...published("alphaedit"), normScaling: true } },
  { name: "default", setting: { ...sequenceSetting("memit"), normScaling: true } },
];
