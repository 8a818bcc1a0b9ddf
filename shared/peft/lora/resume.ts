/** Goes on from the files of LoRA's family. */
import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { biasName, EMBEDDING_PATH } from "../../model/modules.ts";
import { f32, type Tensor } from "../../tensor.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import type { AdapterFolder, PlanOptions, ResumeOptions, Resumption } from "../method.ts";
import { cannotResume, statedSettings } from "../stated.ts";
import { shortestNames } from "../target-modules.ts";
import { type LoraAdapter, type LoraLayer, withoutStart } from "./adapter.ts";
import { byLayer, type LoraConfig, parseLoraConfig } from "./adapter-config.ts";
import { biasChangeName, factorBiasName, factorNames, startOf } from "./attach.ts";
import { requireOwnCopies } from "./base-copies.ts";
import { takeLora } from "./format.ts";
import { LoraSettings } from "./settings.ts";
import { type FactorTarget, loraTargets, nameable, startsFromWeights } from "./targets.ts";

export const loraResume: Resumption<LoraSettings> = {
  settings({ config: json }, model) {
    const config = resumableConfig(json, model);
    const biases = { bias: config.bias, ...(config.biasOfFactors ? { lora_bias: true } : {}) };
    return statedSettings(LoraSettings, { type: "lora", ...statedFactors(json, model), ...biases });
  },

  facts(options) {
    const { settings } = options;
    const { factors, biases } = loraTargets(options);
    // Factors that start as part of the weight are published with a second pair that subtracts it.
    const growth = (path: string) => (startsFromWeights(settings) && path !== EMBEDDING_PATH ? 2 : 1);
    const published = factors.map((target) => {
      const times = growth(target.path);
      return {
        ...target,
        rank: target.rank * times,
        alpha: target.alpha * (settings.use_rslora ? Math.sqrt(times) : times),
      };
    });
    return {
      ...factorFacts(published, settings),
      bias: biases.map(({ path }) => path),
      lora_bias: settings.lora_bias ?? false,
    };
  },

  async values(folder, options) {
    const { settings, weights } = options;
    const adapter = await takeAdapter(folder, options);
    const { factors, biases } = loraTargets(options);
    const values = new Map<string, Tensor<"f32">>();
    for (const target of factors) {
      const layer = adapter.layers.get(target.path)!;
      const { a, b } = ownFactors(layer, target, options);
      const names = factorNames(target.path);
      values.set(names.a, a).set(names.b, b);
      if (settings.lora_bias) values.set(factorBiasName(target.path), layer.bias!);
    }
    for (const { path } of biases) {
      const own = weights.get(biasName(path))!;
      const { shape, data } = adapter.biases.get(path)!;
      values.set(
        biasChangeName(path),
        f32(
          shape,
          data.map((value, at) => value - own.data[at]!),
        ),
      );
    }
    return values;
  },
};

/** The configuration of an adapter that consists of factors and biases. Throws `invalid_delta` for any other. */
export function resumableConfig(json: Readonly<Record<string, unknown>>, model: ModelConfig): LoraConfig {
  const config = parseLoraConfig(json, model);
  if (config.start !== undefined) {
    throw cannotResume(`init_lora_weights ${config.start}: its factors are for what it left of the weights`);
  }
  if (config.saved.modules.length > 0)
    throw cannotResume("modules_to_save: no job trains whole modules beside factors");
  if (config.saved.tokens.size > 0) throw cannotResume("trainable_token_indices: no job trains single tokens");
  return config;
}

/** The settings of factors that a configuration states. */
export function statedFactors(
  json: Readonly<Record<string, unknown>>,
  model: ModelConfig,
): Readonly<Record<string, unknown>> {
  const config = resumableConfig(json, model);
  const paths = nameable(model).flatMap(({ path }) => (config.targets(path) ? [path] : []));
  const numbers = (of: (path: string) => number) => byLayer(new Map(paths.map((path) => [path, of(path)])));
  const [rank, alpha] = [numbers(config.rankOf), numbers(config.alphaOf)];
  return {
    r: rank.usual,
    lora_alpha: alpha.usual,
    lora_dropout: json.lora_dropout ?? 0,
    use_rslora: config.rankStabilised,
    target_modules: shortestNames(paths, nameable(model)).sort(),
    ...(Object.keys(rank.pattern).length === 0 ? {} : { rank_pattern: rank.pattern }),
    ...(Object.keys(alpha.pattern).length === 0 ? {} : { alpha_pattern: alpha.pattern }),
  };
}

/** What factors of published ranks and alphas mean. */
export function factorFacts(
  factors: readonly Pick<FactorTarget, "path" | "rank" | "alpha">[],
  { use_rslora }: { readonly use_rslora: boolean },
): Readonly<Record<string, unknown>> {
  return {
    target_modules: factors.map(({ path }) => path),
    r: oneOrAll(factors.map(({ rank }) => rank)),
    lora_alpha: oneOrAll(factors.map(({ alpha }) => alpha)),
    use_rslora,
  };
}

/** One number where all are equal, which reads better in a message. */
function oneOrAll(numbers: readonly number[]): number | readonly number[] {
  const [first] = numbers;
  return first !== undefined && numbers.every((number) => number === first) ? first : numbers;
}

async function takeAdapter(
  { config: json, tensors: stored }: AdapterFolder,
  { config, weights }: Pick<ResumeOptions<unknown>, "config" | "weights">,
): Promise<LoraAdapter> {
  const tensors = new AdapterTensors(stored);
  const adapter = takeLora(tensors, resumableConfig(json, config), config);
  const base = { config, weight: async (name: string) => weights.get(name)! };
  await requireOwnCopies(tensors, { stored, adapter, base });
  tensors.done();
  return adapter;
}

/** The layer's trained pair, without the pair that subtracts what it started as. */
function ownFactors(
  layer: LoraLayer,
  target: FactorTarget,
  options: ResumeOptions<LoraSettings> & PlanOptions<LoraSettings>,
): Pick<LoraLayer, "a" | "b"> {
  const start = startOf(options, target);
  if (start === undefined) return layer;
  const { rank, path } = target;
  const [inSize, out] = [layer.a.shape[0]!, layer.b.shape[1]!];
  const columns = new Float32Array(inSize * rank);
  for (let row = 0; row < inSize; row++) {
    columns.set(layer.a.data.subarray(2 * row * rank, 2 * row * rank + rank), row * rank);
  }
  const own = { a: f32([inSize, rank], columns), b: f32([rank, out], layer.b.data.slice(0, rank * out)) };
  const again = withoutStart({ ...own, alpha: target.alpha }, start, options.settings.use_rslora);
  const same = (one: Tensor<"f32">, other: Tensor<"f32">) => one.data.every((value, at) => value === other.data[at]);
  if (same(again.a, layer.a) && same(again.b, layer.b)) return own;
  const param = `${options.param}.init_lora_weights`;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\`: the factors of ${path} in the adapter of \`model\` did not start as this part of the weight. Leave \`peft\` out to take the adapter's settings.`,
    { param },
  );
}
