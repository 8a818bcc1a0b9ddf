import type { Value } from "../../graph/graph.ts";
import { EMBEDDING_PATH } from "../../model/modules.ts";
import type { ModelRewrite } from "../../model/rewrite.ts";
import { type Tensor, totalElements, zeros } from "../../tensor.ts";
import { type InputDropout, inputDropout } from "../input-dropout.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, Parameter, PlanOptions, RewriteContext } from "../method.ts";
import type { LoraSettings } from "./settings.ts";
import { type Factors, layerWeight, layerWeightName, type RandomStart, randomFactors, weightFactors } from "./start.ts";
import { type FactorTarget, type LoraTargets, loraTargets, startsFromWeights } from "./targets.ts";

/** The default learning rate of the embedding's factors with LoRA+, as in peft. */
const EMBEDDING_LEARNING_RATE = 1e-6;

/**
 * The names of a layer's two parameters: A [in, r] and B [r, out], or A [V, r] and B [r, D] for the embedding. peft's files
 * contain their transposes.
 */
export const factorNames = (path: string) => ({ a: `${path}.lora_A`, b: `${path}.lora_B` });

/** B's own bias [out]. */
export const factorBiasName = (path: string) => `${path}.lora_bias`;

/** The change to a bias of the base [out]. */
export const biasChangeName = (path: string) => `${path}.bias_change`;

/** Frozen copies of initial factors that are part of the weight. */
const startNames = (path: string) => ({ a: `${path}.lora_A0`, b: `${path}.lora_B0` });

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** r(in + out) numbers for each targeted layer, and one for each output whose bias is trained. */
export function planLora(options: PlanOptions<LoraSettings>): MethodPlan {
  const { settings } = options;
  const { factors, biases } = loraTargets(options);
  // LoRA+ (Hayou et al., "LoRA+: Efficient Low Rank Adaptation of Large Models", 2024), with peft's parameter groups.
  const ratio = settings.loraplus_lr_ratio;
  const faster = ratio === undefined ? {} : { rate: ratio };
  const ofEmbedding =
    ratio === undefined ? {} : { learningRate: settings.loraplus_lr_embedding ?? EMBEDDING_LEARNING_RATE };
  const parameters: Parameter[] = factors.flatMap(({ path, in: inSize, out, rank }) => {
    const names = factorNames(path);
    const [a, b] = path === EMBEDDING_PATH ? [ofEmbedding, ofEmbedding] : [{}, faster];
    return [
      { name: names.a, shape: [inSize, rank], decay: true, ...a },
      { name: names.b, shape: [rank, out], decay: true, ...b },
      ...(settings.lora_bias ? [{ name: factorBiasName(path), shape: [out], decay: false, ...faster }] : []),
    ];
  });
  const changes = biases.map(({ path, out }) => ({
    name: biasChangeName(path),
    shape: [out],
    decay: false,
    ...faster,
  }));
  const biased = new Map([...(settings.lora_bias ? factors : []), ...biases].map(({ path, out }) => [path, out]));
  // Initial factors that are part of the weight are published too, as a second pair that subtracts them.
  const started = factors.filter(({ path }) => isDecomposed(settings, path));
  const doubled = new Set(started.map(({ path }) => path));
  const all = [...parameters, ...changes];
  const startNumbers = sum(started.map(({ in: inSize, out, rank }) => rank * (inSize + out)));
  return {
    parameters: all,
    serving: {
      rank: Math.max(...factors.map(({ path, rank }) => (doubled.has(path) ? 2 * rank : rank))),
      vectors: sum([...biased.values()]),
      columns: 0,
      positions: 0,
    },
    ...(startNumbers === 0 ? {} : { published: startNumbers + totalElements(all) }),
    ...(settings.lora_bias ? { mergeable: factors.every(({ bias }) => bias) } : {}),
  };
}

/**
 * y + s · (dropout(x) A) B on every targeted layer, with s = α/r, or α/√r for rsLoRA (Hu et al., "LoRA: Low-Rank Adaptation
 * of Large Language Models", 2021), and E[t] + s · A[t] B on the embedding. A layer whose factors start as part of its weight
 * gets s · (dropout(x) A) B − s · (x A₀) B₀. This leaves the base whole, so step 0 is exactly the base, the adapter combines
 * with other methods, and the base can be quantised.
 */
export function attachLora(options: AttachOptions<LoraSettings>): AttachedMethod {
  const { settings, seed } = options;
  const targets = loraTargets(options);
  const initial = new Map<string, Tensor<"f32">>();
  const frozen = new Map<string, Tensor>();
  for (const target of targets.factors) {
    const { path, out } = target;
    const start = startOf(options, target);
    const { a, b } = start ?? randomFactors(target, randomStart(settings), seed);
    const names = factorNames(path);
    initial.set(names.a, a).set(names.b, b);
    if (start !== undefined) frozen.set(startNames(path).a, a).set(startNames(path).b, b);
    if (settings.lora_bias) initial.set(factorBiasName(path), zeros([out]));
  }
  for (const { path, out } of targets.biases) initial.set(biasChangeName(path), zeros([out]));
  const dropout = inputDropout(
    // A token has no elements to drop.
    targets.factors.filter(({ path }) => path !== EMBEDDING_PATH),
    settings.lora_dropout,
  );
  return {
    parameters: planLora(options).parameters,
    initial,
    startsAsBase: true,
    rewrite: (context) => rewriteModel(context, { settings, targets, dropout }),
    randomInputs: dropout.randomInputs,
    ...(frozen.size === 0 ? {} : { frozen }),
  };
}

/** The part of the weight that a layer's factors start as; undefined if they start from random numbers. */
export function startOf(
  { config, settings, weights }: Pick<AttachOptions<LoraSettings>, "config" | "settings" | "weights">,
  target: FactorTarget,
): Factors | undefined {
  const { path } = target;
  if (!isDecomposed(settings, path)) return undefined;
  const start = settings.init_lora_weights === "olora" ? "olora" : "pissa";
  return weightFactors(layerWeight(path, weights.get(layerWeightName(path, config))!), start, target);
}

/** As in peft, the embedding's factors always start from random numbers. */
function isDecomposed(settings: LoraSettings, path: string): boolean {
  return startsFromWeights(settings) && path !== EMBEDDING_PATH;
}

function randomStart({ init_lora_weights: init = true }: LoraSettings): RandomStart {
  return init === "gaussian" || init === "orthogonal" ? init : "uniform";
}

interface Rewritten {
  readonly settings: LoraSettings;
  readonly targets: LoraTargets;
  readonly dropout: InputDropout;
}

function rewriteModel(context: RewriteContext, { settings, targets, dropout }: Rewritten): ModelRewrite {
  const { b: g, parameter } = context;
  const factors = new Map(targets.factors.map((target) => [target.path, target]));
  const biases = new Set(targets.biases.map(({ path }) => path));
  /** Scales the narrow product, at r elements per token, rather than the wide one, at `out`. */
  const low = (narrow: Value, { scale }: FactorTarget, b: string) => g.matmul(g.mul(narrow, scale), parameter(b));
  const embedding = factors.get(EMBEDDING_PATH);
  return {
    linear: ({ path, x }) => {
      const target = factors.get(path);
      const added: Value[] = biases.has(path) ? [parameter(biasChangeName(path))] : [];
      if (target === undefined) return { added };
      const product = (input: Value, { a, b }: { a: string; b: string }) =>
        low(g.matmul(input, parameter(a)), target, b);
      const now = product(dropout.apply(context, path, x), factorNames(path));
      added.push(isDecomposed(settings, path) ? g.sub(now, product(x, startNames(path))) : now);
      if (settings.lora_bias) added.push(g.mul(parameter(factorBiasName(path)), target.scale));
      return { added };
    },
    ...(embedding === undefined
      ? {}
      : {
          embed: ({ tokens, y }) => {
            const { a, b } = factorNames(EMBEDDING_PATH);
            return g.add(y, low(g.gather(parameter(a), tokens), embedding, b));
          },
        }),
  };
}
