import { readFileSync } from "node:fs";
import type { Scorer, ScorerAbout } from "../../../shared/delta/scorer.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";

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

/** A description of K classes that can do everything but rows of their own. */
export function aboutOf(classes: number, temperature = 1): ScorerAbout {
  return {
    labels: Array.from({ length: classes }, (_, c) => `class ${c}`),
    lead: [1],
    prior: Array.from({ length: classes }, () => 1 / classes),
    temperatures: { lookahead: temperature, token_values: temperature },
  };
}

/** Two classes, rank 3, with every way of judging. */
export function randomScorer({ hiddenSize, vocabSize }: ModelConfig): Scorer {
  const draw = (name: string, shape: [number, ...number[]]): Tensor<"f32"> => {
    const random = createRandom(17, "scorer", name);
    return f32(
      shape,
      Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => random.normal()),
    );
  };
  const about = aboutOf(2);
  return {
    weight: draw("weight", [hiddenSize, 2]),
    bias: draw("bias", [2]),
    tokens: { a: draw("a", [hiddenSize, 6]), t: draw("t", [vocabSize, 3]) },
    about: {
      ...about,
      temperatures: { ...about.temperatures, class_rows: 1.5 },
      class_rows: { control: [[2], [3, 4]], scale: 8, bias: [0.5, -0.5] },
    },
  };
}
