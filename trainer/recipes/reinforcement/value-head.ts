import type { Value } from "../../../shared/graph/graph.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { f32 } from "../../../shared/tensor.ts";
import type { LossContext } from "../loss-context.ts";
import type { OwnParameters } from "../objective.ts";

const WEIGHT = "value_head.weight";
const BIAS = "value_head.bias";

/** V(s) = h · w + b of the policy's last state h. Both start at 0, so that the first advantages are rewards alone. */
export function valueHead({ hiddenSize }: Pick<ModelConfig, "hiddenSize">): OwnParameters {
  return {
    parameters: [
      { name: WEIGHT, shape: [hiddenSize, 1], decay: false },
      { name: BIAS, shape: [1], decay: false },
    ],
    initial: new Map([
      [WEIGHT, f32([hiddenSize, 1], new Float32Array(hiddenSize))],
      [BIAS, f32([1], new Float32Array(1))],
    ]),
  };
}

/** [B, T]: the value of the text before the token that each position predicts. */
export function valuesOf({ b, forward, parameter }: LossContext): Value {
  const { rows, tokens } = forward.shape;
  const values = b.add(b.matmul(forward.tap("final"), parameter(WEIGHT)), parameter(BIAS));
  return b.reshape(values, [rows, tokens]);
}
