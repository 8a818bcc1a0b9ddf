import { biasName } from "../../model/modules.ts";
import type { Tensor } from "../../tensor.ts";
import type { AdapterResult } from "../method.ts";
import { targetedScales } from "./attach.ts";
import { writeIa3Folder } from "./format.ts";
import { canonicalScales, type Scale } from "./scales.ts";
import type { Ia3Settings } from "./settings.ts";

interface TrainedScales {
  readonly scales: readonly Scale[];
  /** By the names of the scales. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
}

/** The serving form, in which each layer has one scale, and the folder that peft loads. */
export const ia3Result: AdapterResult<Ia3Settings, TrainedScales> = {
  kind: "adapter",
  canonical({ config, settings, values, weights }) {
    const scales = targetedScales({ config, settings, param: "peft" });
    const biases = new Map(
      scales.flatMap(({ actsOn }) => {
        const bias = weights.get(biasName(actsOn));
        return bias === undefined ? [] : [[actsOn, bias] as const];
      }),
    );
    return {
      method: "ia3",
      delta: canonicalScales(scales, values, biases),
      parameters: scales.reduce((sum, { size }) => sum + size, 0),
      own: { scales, values },
    };
  },
  files: ({ own: { scales, values } }, { config, base }) =>
    writeIa3Folder(scales, values, { model: config, baseModel: base.id }),
};
