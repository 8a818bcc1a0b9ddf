import type { Value } from "../../../shared/graph/graph.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import {
  adaptableModules,
  biasName,
  EMBEDDING,
  HEAD,
  HEAD_PATH,
  linearModules,
  weightName,
} from "../../../shared/model/modules.ts";
import type { LinearChange, ModelRewrite } from "../../../shared/model/rewrite.ts";
import type { AttachedMethod, RewriteContext } from "../../../shared/peft/method.ts";
import { f32, i64 } from "../../../shared/tensor.ts";

/** How a weight of the base differs from its value at the run's start. */
export interface WeightChange {
  /** The weight, by its name in the base. */
  readonly name: string;
  /** ΔW, in the layout of `weightSpecs`. */
  readonly change: Value;
}

export interface WeightChangeOptions extends Pick<RewriteContext, "b" | "parameter" | "weight"> {
  readonly config: ModelConfig;
  readonly method: Pick<AttachedMethod, "rewrite">;
}

/**
 * What an adapter adds to each weight of the base, without dropout. The change of a linear layer is what it makes of the rows of the
 * identity, less what it makes of 0, which is the change of the bias: this holds for any method whose change of a layer is linear in
 * the layer's input, and needs to know nothing else of it.
 */
export function weightChanges({ b, config, parameter, weight, method }: WeightChangeOptions): WeightChange[] {
  const none = () => {
    throw new Error("an adapter without dropout draws nothing");
  };
  const positions = b.constant(i64([1, 1], [0]));
  const context: RewriteContext = { b, config, parameter, weight, random: none, positions, training: false };
  const rewrite = method.rewrite?.(context) ?? {};
  const biased = new Set(linearModules(config).flatMap(({ path, bias }) => (bias ? [path] : [])));
  const changes = adaptableModules(config).flatMap(({ path, in: inSize, out }): WeightChange[] => {
    const found = ofLayer({ b, config, weight, rewrite }, { path, in: inSize, out });
    if (found === undefined) return [];
    const name = path === HEAD_PATH ? (config.tied ? EMBEDDING : HEAD) : weightName(path);
    // The head is stored [V, D].
    const change = path === HEAD_PATH ? b.transpose(found.weight, [1, 0]) : found.weight;
    return [{ name, change }, ...(biased.has(path) ? [{ name: biasName(path), change: found.bias }] : [])];
  });
  const tokens = i64(
    [1, config.vocabSize],
    Array.from({ length: config.vocabSize }, (_, token) => token),
  );
  if (rewrite.embed === undefined) return changes;
  const table = weight(EMBEDDING);
  const [vocabulary, width] = [config.vocabSize, config.hiddenSize];
  const y = b.reshape(table, [1, vocabulary, width]);
  const embedded = rewrite.embed({ tokens: b.constant(tokens), y });
  if (embedded === y) return changes;
  return [{ name: EMBEDDING, change: b.sub(b.reshape(embedded, [vocabulary, width]), table) }, ...changes];
}

function ofLayer(
  {
    b,
    config,
    weight,
    rewrite,
  }: Pick<WeightChangeOptions, "b" | "config" | "weight"> & { readonly rewrite: ModelRewrite },
  { path, in: inSize, out }: { readonly path: string; readonly in: number; readonly out: number },
): { readonly weight: Value; readonly bias: Value } | undefined {
  if (rewrite.linear === undefined) return undefined;
  const own = () => weight(path === HEAD_PATH ? (config.tied ? EMBEDDING : HEAD) : weightName(path));
  const multiply = (z: Value) => b.matmul(z, own(), { transB: path === HEAD_PATH });
  const identity = onFirstUse(() => {
    const rows = new Float32Array((inSize + 1) * inSize);
    for (let row = 0; row < inSize; row++) rows[row * inSize + row] = 1;
    return b.constant(f32([1, inSize + 1, inSize], rows));
  });
  const product = onFirstUse(() => multiply(identity()));
  const { scale, added = [] }: LinearChange = rewrite.linear({
    path,
    multiply,
    // Most methods read neither, and the identity takes memory.
    get x() {
      return identity();
    },
    get product() {
      return product();
    },
    ...(config.attentionBias && linearModules(config).some((one) => one.path === path && one.bias)
      ? { bias: weight(biasName(path)) }
      : {}),
  });
  if (scale === undefined && added.length === 0) return undefined;
  const shape = [1, inSize + 1, out];
  const scaled = scale === undefined ? [] : [b.mul(product(), b.sub(scale, 1))];
  const total = [...scaled, ...added].reduce((sum, term) => b.add(sum, term));
  // A change of the bias alone is [out].
  const whole = total.shape.length === 3 ? total : b.expand(b.reshape(total, [1, 1, out]), shape);
  const flat = b.reshape(whole, [inSize + 1, out]);
  const bias = b.slice(flat, 0, inSize, inSize + 1);
  return { weight: b.sub(b.slice(flat, 0, 0, inSize), bias), bias: b.reshape(bias, [out]) };
}

function onFirstUse<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
