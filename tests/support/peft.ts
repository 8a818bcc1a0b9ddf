import type { ModelConfig } from "../../shared/model/config.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { attachMethods } from "../../shared/peft/combine.ts";
import type { Adapter, AdapterResult, AttachedMethod, PublishOptions } from "../../shared/peft/method.ts";
import { type AnySettings, PeftSettings } from "../../shared/peft/registry.ts";
import { createRandom } from "../../shared/random.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";

/** Settings as a job gives them, filled in with their defaults. */
export function settingsOf(given: object): AnySettings {
  return PeftSettings.parse(given);
}

/** A method, or several, on a model, from settings as a job gives them. */
export function attached(
  given: object | readonly object[],
  { config, weights, seed = 1 }: { config: ModelConfig; weights: Weights; seed?: number },
): AttachedMethod {
  const settings = Array.isArray(given) ? given.map(settingsOf) : settingsOf(given);
  const encode = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0) % config.vocabSize);
  return attachMethods({ config, weights, settings, seed, encode, param: "method.supervised.peft" });
}

/** No method: the base as it is. */
export const NO_METHOD: AttachedMethod = {
  parameters: [],
  initial: new Map(),
  startsAsBase: true,
  randomInputs: () => [],
};

/** Values as training might leave them: every element moved by about `size`, each tensor from a stream of its own. */
export function moved(
  initial: ReadonlyMap<string, Tensor<"f32">>,
  { size = 0.2, seed = 3 }: { readonly size?: number; readonly seed?: number } = {},
): Map<string, Tensor<"f32">> {
  return new Map(
    [...initial].map(([name, { shape, data }]) => {
      const random = createRandom(seed, name);
      return [
        name,
        f32(
          shape,
          Float32Array.from(data, (value) => value + size * random.normal()),
        ),
      ];
    }),
  );
}

/** The adapter that a method by itself makes of trained values. */
export async function adapterOf<Settings, Own>(
  result: AdapterResult<Settings, Own>,
  options: PublishOptions<Settings>,
): Promise<Adapter> {
  const content = await result.canonical(options);
  const { own: _, ...served } = content;
  return { ...served, files: result.files(content, options) };
}
