import type { Scorer, ScorerMode } from "../../../shared/delta/scorer.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import type { Metrics } from "../recipe.ts";
import { fitTemperature, qualityOf } from "./calibration.ts";
import { type Judgements, SHARES } from "./judge.ts";
import { SCORER } from "./parameters.ts";

export interface ScorerParts {
  /** The trained parameters. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
  readonly labels: readonly string[];
  readonly prior: readonly number[];
  readonly lead: readonly number[];
  /** The ids of each class, in the order of the labels. */
  readonly control: readonly (readonly number[])[];
  readonly judgements: Judgements;
}

/** A calibrated scorer, and how well it judges at each share of a text. Temperatures fit the judgements of all shares together. */
export function publishedScorer(parts: ScorerParts): { readonly scorer: Scorer; readonly metrics: Metrics } {
  const { values, labels, prior, lead, control, judgements } = parts;
  const temperatures: Partial<Record<ScorerMode, number>> = {};
  const metrics: Record<string, number> = {};
  for (const [mode, shares] of judgements) {
    const temperature = fitTemperature(shares.flat());
    temperatures[mode] = temperature;
    metrics[`${mode}_temperature`] = temperature;
    for (const [nth, share] of SHARES.entries()) {
      const before = qualityOf(shares[nth]!, 1);
      const after = qualityOf(shares[nth]!, temperature);
      const name = (what: string) => `${mode}_${what}_${100 * share}`;
      metrics[name("accuracy")] = after.accuracy;
      metrics[name("nll_before")] = before.nll;
      metrics[name("nll")] = after.nll;
      metrics[name("ece_before")] = before.ece;
      metrics[name("ece")] = after.ece;
    }
    const [before, after] = [1, temperature].map((each) => qualityOf(shares.flat(), each));
    metrics[`${mode}_ece_before`] = before!.ece;
    metrics[`${mode}_ece`] = after!.ece;
  }
  const [a, t] = [values.get(SCORER.a), values.get(SCORER.t)];
  const logScale = values.get(SCORER.logScale);
  return {
    metrics,
    scorer: {
      weight: values.get(SCORER.weight)!,
      bias: values.get(SCORER.bias)!,
      ...(a === undefined || t === undefined ? {} : { tokens: { a, t } }),
      about: {
        labels: [...labels],
        lead: [...lead],
        prior: [...prior],
        temperatures,
        ...(logScale === undefined
          ? {}
          : {
              class_rows: {
                control: control.map((ids) => [...ids]),
                scale: Math.exp(logScale.data[0]!),
                bias: [...values.get(SCORER.rowBias)!.data],
              },
            }),
      },
    },
  };
}
