/** How the embedded base is edited in the effect tests and in the figures of docs/edits/effects.md. */
import type { ValueOptions } from "../../../trainer/edits/find-values.ts";
import type { SequenceSetting } from "./edit-sequence.ts";

/** ROME's layer, where a fact's key depends little on what stands before the subject; and those of the others. */
export const ROME_LAYER = 0;
export const SEQUENCE_LAYERS = [0, 1, 2];

const shared = { steps: 25, learningRate: 3, klFactor: 0.0625, weightDecay: 0.5, stopBelow: 0.05 };
export const ROME_VALUES: ValueOptions = { ...shared, layer: ROME_LAYER, measuredBy: "mlp", clamp: 4 };
export const MEMIT_VALUES: ValueOptions = {
  ...shared,
  layer: SEQUENCE_LAYERS.at(-1)!,
  measuredBy: "layer",
  clamp: 0.75,
};
export const MEMIT_LAMBDA = 100;

const sequence = { layers: SEQUENCE_LAYERS, values: MEMIT_VALUES };
const alphaedit = { method: "alphaedit", lambda: 1, nullSpace: 1 } as const;

export const SEQUENCES: readonly { readonly name: string; readonly setting: Omit<SequenceSetting, "batchSize"> }[] = [
  { name: "MEMIT", setting: { ...sequence, method: "memit", lambda: MEMIT_LAMBDA, normScaling: false } },
  {
    name: "MEMIT that holds earlier keys",
    setting: { ...sequence, method: "memit", lambda: MEMIT_LAMBDA, normScaling: false, holdsEarlier: true },
  },
  { name: "AlphaEdit", setting: { ...sequence, ...alphaedit, normScaling: false } },
  { name: "AlphaEdit with norm scaling", setting: { ...sequence, ...alphaedit, normScaling: true } },
];
