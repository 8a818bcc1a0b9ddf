import { readFileSync } from "node:fs";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { f32 } from "../../../shared/tensor.ts";
import { aboutOf } from "./random-scorer.ts";

interface Packed {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

type Parts = "weight" | "bias" | "a" | "t" | "final";
type Results = "head" | "values" | "head_log_probabilities" | "token_log_probabilities";
export type ScorerGolden = Readonly<Record<Parts | Results, Packed>> & { readonly temperature: number };

/** What PyTorch gives for some scorers and hidden states. */
export const SCORER_GOLDENS = JSON.parse(
  readFileSync(new URL("../../golden/scorer/values.json", import.meta.url), "utf8"),
) as ScorerGolden[];

export function scorerOf({ weight, bias, a, t, temperature }: ScorerGolden): Scorer {
  const tensor = ({ shape, data }: Packed) => f32(shape, data);
  return {
    weight: tensor(weight),
    bias: tensor(bias),
    tokens: { a: tensor(a), t: tensor(t) },
    about: aboutOf(bias.data.length, temperature),
  };
}
