import { biasName } from "../../model/modules.ts";
import type { PublishedPart, PublishOptions } from "../method.ts";
import { targetedScales } from "./attach.ts";
import { writeIa3Folder } from "./format.ts";
import { canonicalScales } from "./scales.ts";
import type { Ia3Settings } from "./settings.ts";

/** The folder that peft loads, and the serving form in which each layer has one scale. */
export function publishIa3(options: PublishOptions<Ia3Settings>): PublishedPart {
  const { config, settings, values, weights, base } = options;
  const scales = targetedScales({ config, settings, param: "peft" });
  const biases = new Map(
    scales.flatMap(({ actsOn }) => {
      const bias = weights.get(biasName(actsOn));
      return bias === undefined ? [] : [[actsOn, bias] as const];
    }),
  );
  return {
    kind: "adapter",
    adapter: {
      method: "ia3",
      files: writeIa3Folder(scales, values, { model: config, baseModel: base.id }),
      delta: canonicalScales(scales, values, biases),
      parameters: scales.reduce((sum, { size }) => sum + size, 0),
    },
  };
}
