/** Statistics of agreement, as the API shows them. */
import { z } from "zod";

const statistic = {
  value: z.number().nullable(),
  n: z.int().meta({ description: "What it was computed from" }),
  reason: z.string().optional().meta({ description: "Why there is no value" }),
};
export const Statistic = z.strictObject(statistic).meta({ id: "AgreementStatistic" });
export const Proportion = z
  .strictObject({ ...statistic, interval: z.tuple([z.number(), z.number()]).nullable().meta({ description: "95 %" }) })
  .meta({ id: "Proportion" });

export const PairAgreement = z
  .strictObject({
    raters: z.tuple([z.string(), z.string()]),
    percent: Statistic,
    cohen: Statistic,
    cohen_linear: Statistic.optional(),
    cohen_quadratic: Statistic.optional(),
  })
  .meta({ id: "PairAgreement" });

export const AgreementSummary = z
  .strictObject({
    raters: z.int(),
    units: z.int(),
    labels: z.int(),
    percent: Statistic,
    fleiss: Statistic,
    krippendorff: z.strictObject({
      nominal: Statistic.optional(),
      ordinal: Statistic.optional(),
      interval: Statistic.optional(),
    }),
    pairs: z.array(PairAgreement),
  })
  .meta({ id: "AgreementSummary" });
export type AgreementSummary = z.infer<typeof AgreementSummary>;
