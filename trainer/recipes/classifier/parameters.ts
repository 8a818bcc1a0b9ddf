import type { ScorerMode } from "../../../shared/delta/scorer.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import type { Parameter } from "../../../shared/peft/method.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor, zeros } from "../../../shared/tensor.ts";
import type { OwnParameters } from "../objective.ts";

/** The parameters of a scorer, as training names them. Its numbers for the classes' rows become part of its description. */
export const SCORER = {
  weight: "scorer.weight",
  bias: "scorer.bias",
  a: "scorer.A",
  t: "scorer.T",
  /** ln of the scale, which stays positive. */
  logScale: "scorer.log_scale",
  rowBias: "scorer.row_bias",
} as const;

/** GeDi starts at 1; runs here are too short to find the tens that mean log-probabilities need. */
const FIRST_SCALE = 10;
/** Adam moves a token's values only in the steps in which the token occurs, and a lone scale must travel far. */
const FASTER = 4;

export interface ScorerShape {
  readonly classes: number;
  readonly rank: number;
  readonly modes: readonly ScorerMode[];
  readonly seed: number;
}

/** A scorer that begins undecided: the head and T are 0, so that its first loss is ln K. */
export function scorerParameters({ hiddenSize, vocabSize }: ModelConfig, shape: ScorerShape): OwnParameters {
  const { classes, rank, modes, seed } = shape;
  const rows: (readonly [Parameter, Tensor<"f32">])[] = [];
  const add = (name: string, value: Tensor<"f32">, more: Partial<Parameter> = {}) =>
    rows.push([{ name, shape: value.shape, decay: false, ...more }, value]);
  add(SCORER.weight, zeros([hiddenSize, classes]), { decay: true });
  add(SCORER.bias, zeros([classes]));
  if (modes.includes("token_values")) {
    const { normal } = createRandom(seed, SCORER.a);
    const a = Float32Array.from({ length: hiddenSize * classes * rank }, () => normal() / Math.sqrt(hiddenSize));
    add(SCORER.a, f32([hiddenSize, classes * rank], a), { decay: true });
    add(SCORER.t, zeros([vocabSize, rank]), { rate: FASTER });
  }
  if (modes.includes("class_rows")) {
    add(SCORER.logScale, f32([1], [Math.log(FIRST_SCALE)]), { rate: FASTER });
    add(SCORER.rowBias, zeros([classes]), { rate: FASTER });
  }
  return {
    parameters: rows.map(([parameter]) => parameter),
    initial: new Map(rows.map(([{ name }, value]) => [name, value])),
  };
}
