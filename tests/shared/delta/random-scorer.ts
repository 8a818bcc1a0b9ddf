import type { Scorer, ScorerAbout } from "../../../shared/delta/scorer.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";

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
