import { LIMITS } from "../../../shared/limits.ts";
import type { LayerResult } from "./choose-layers.ts";

/** Reports an event of the job. */
export type Say = (message: string, data?: Readonly<Record<string, unknown>>) => void;

/** A message at every tenth of the texts. */
export function progress(texts: number, say: Say): (read: number) => void {
  const every = Math.max(1, Math.ceil(texts / 10));
  return (read) => {
    if (read % every === 0 && read < texts) say(`Read ${read} of ${texts} texts`, { read, texts });
  };
}

/** The table of all layers. */
export function report(found: readonly LayerResult[], chosen: readonly LayerResult[], say: Say): void {
  const shown = (value: number) => value.toFixed(3);
  const lines = found.map(
    ({ layer, auc, accuracy, separation, norm, relativeNorm }) =>
      `layer ${layer}: AUC ${shown(auc)}, accuracy ${shown(accuracy)}, separation ${shown(separation)}, length ${shown(norm)} (${shown(relativeNorm)} of the stream's)`,
  );
  const which = chosen.map(({ layer }) => layer).join(", ");
  const message = [`Chosen: layer ${which}. How well each layer's vector separates held-out pairs:`, ...lines].join(
    "\n",
  );
  say(message.slice(0, LIMITS.eventMessage), {
    chosen: chosen.map(({ layer }) => layer),
    layers: found.map(({ vector: _, ...numbers }) => numbers),
  });
}
