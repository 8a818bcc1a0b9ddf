/**
 * Splits a delta that no single method made, such as a merge, into adapters for other tools. Each adapter is a folder in the
 * layout of its method, and together they add up to the delta.
 */
import { type CanonicalBottleneck, type CanonicalDelta, type CanonicalModule, NO_DELTA } from "../delta/canonical.ts";
import { adaptableModules, biasName, checkpointPath, linearModules } from "../model/modules.ts";
import { transposed } from "../model/weights.ts";
import { f32, type Tensor, totalElements, zeros } from "../tensor.ts";
import { adapterConfigJson } from "./adapter-config.ts";
import { adapterFiles } from "./adapter-folder.ts";
import { writeBiasFolder } from "./bitfit/publish.ts";
import { type BottleneckTensors, canonicalBottlenecks, countNumbers } from "./bottleneck/adapter.ts";
import { architectureOf } from "./bottleneck/architecture.ts";
import { writeBottleneckFolder } from "./bottleneck/format.ts";
import { type BnConfig, withDefaults } from "./bottleneck/settings.ts";
import { writeIa3Folder } from "./ia3/format.ts";
import { canonicalScales, type Scale, scaleName } from "./ia3/scales.ts";
import type { Adapter, BaseAccess } from "./method.ts";
import { flattened } from "./prefix/flat-prefix.ts";
import { writePrefixFolder } from "./prefix/publish.ts";
import { writePromptFolder } from "./prompt/publish.ts";
import { shortestNames } from "./target-modules.ts";

/** The base, with the name that the folders record. */
export interface NamedBase extends BaseAccess {
  readonly id: string;
}

/**
 * peft's (IA)³ also scales biases. If a bias differs from the scaled one by less than this fraction, the difference is only
 * rounding: both come from float32 scales.
 */
const ROUNDING = 2 ** -21;

/**
 * One adapter for each kind of part in the delta: lora for products, ia3 for scales, bitfit for biases, a bottleneck adapter
 * for each kind that AdapterHub distinguishes, prompt and prefix.
 */
export async function adaptersOf(delta: CanonicalDelta, base: NamedBase): Promise<Adapter[]> {
  const scales = await scaleAdapter(delta, base);
  return [
    ...productAdapter(delta, base),
    ...scales,
    ...biasAdapter(delta, scales[0]?.delta ?? NO_DELTA, base),
    ...bottleneckAdapters(delta, base),
    ...(delta.prompt === undefined ? [] : [promptAdapter(delta.prompt, base)]),
    ...(delta.prefix === undefined ? [] : [prefixAdapter(delta.prefix, base)]),
  ];
}

/** A LoRA with scale 1: α equals the rank in every layer. */
function productAdapter({ linears, embedding }: CanonicalDelta, { config, id }: NamedBase): Adapter[] {
  const tensors = new Map<string, Tensor<"f32">>();
  const ranks = new Map<string, number>();
  const products = new Map<string, CanonicalModule>();
  for (const { path } of adaptableModules(config)) {
    const { a, b } = linears.get(path) ?? {};
    if (a === undefined || b === undefined) continue;
    const key = `base_model.model.${checkpointPath(path)}`;
    tensors.set(`${key}.lora_A.weight`, transposed(a)).set(`${key}.lora_B.weight`, transposed(b));
    ranks.set(path, a.shape[1]!);
    products.set(path, { a, b });
  }
  if (embedding !== undefined) {
    const key = "base_model.model.model.embed_tokens";
    tensors.set(`${key}.lora_embedding_A`, transposed(embedding.a));
    tensors.set(`${key}.lora_embedding_B`, transposed(embedding.b));
    ranks.set("embed_tokens", embedding.a.shape[1]!);
  }
  if (tensors.size === 0) return [];
  const rank = Math.max(...ranks.values());
  const others = Object.fromEntries([...ranks].filter(([, found]) => found !== rank));
  const json = adapterConfigJson("LORA", id, {
    alpha_pattern: others,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    lora_alpha: rank,
    lora_dropout: 0,
    r: rank,
    rank_pattern: others,
    target_modules: shortestNames([...ranks.keys()], linearModules(config)).sort(),
    use_rslora: false,
  });
  return [
    {
      method: "lora",
      files: adapterFiles(json, tensors),
      delta: { ...NO_DELTA, linears: products, ...(embedding === undefined ? {} : { embedding }) },
      parameters: totalElements(tensors.values()),
    },
  ];
}

/** (IA)³ on the outputs. peft scales a layer's whole output, so the adapter changes biases too. */
async function scaleAdapter({ linears }: CanonicalDelta, base: NamedBase): Promise<Adapter[]> {
  const scales: Scale[] = [];
  const values = new Map<string, Tensor<"f32">>();
  const biases = new Map<string, Tensor<"f32">>();
  for (const { path, out, bias } of adaptableModules(base.config)) {
    const scale = linears.get(path)?.scale;
    if (scale === undefined) continue;
    scales.push({ path, atInput: false, size: out, actsOn: path });
    values.set(scaleName(path), scale);
    if (bias) biases.set(path, await base.weight(biasName(path)));
  }
  if (scales.length === 0) return [];
  const files = writeIa3Folder(scales, values, { model: base.config, baseModel: base.id });
  const delta = canonicalScales(scales, values, biases);
  return [{ method: "ia3", files, delta, parameters: totalElements(values.values()) }];
}

/** The biases, minus the changes that the scale adapter already makes. */
function biasAdapter({ linears }: CanonicalDelta, { linears: scaled }: CanonicalDelta, base: NamedBase): Adapter[] {
  const biases = new Map<string, Tensor<"f32">>();
  for (const { path, out } of adaptableModules(base.config)) {
    const { data } = linears.get(path)?.bias ?? zeros([out]);
    const fromScales = scaled.get(path)?.bias?.data ?? new Float32Array(out);
    const differences = data.map((value, index) => {
      const difference = value - fromScales[index]!;
      const size = Math.max(Math.abs(value), Math.abs(fromScales[index]!));
      return Math.abs(difference) <= ROUNDING * size ? 0 : difference;
    });
    if (differences.some((value) => value !== 0)) biases.set(path, f32([out], differences));
  }
  if (biases.size === 0) return [];
  const delta = { ...NO_DELTA, linears: new Map([...biases].map(([path, bias]) => [path, { bias }])) };
  return [
    {
      method: "bitfit",
      files: writeBiasFolder(biases, { model: base.config, baseModel: base.id }),
      delta,
      parameters: totalElements(biases.values()),
    },
  ];
}

type Flags = readonly [fromOutput: number, fromStream: number, silu: number];

/** In AdapterHub, an adapter has one kind of input, one non-linearity, and one width for each layer. */
function bottleneckAdapters({ bottlenecks }: CanonicalDelta, { config, id }: NamedBase): Adapter[] {
  const groups = new Map<string, { flags: Flags; tensors: Map<string, BottleneckTensors> }>();
  for (const [path, block] of bottlenecks) {
    const kinds = new Map<string, { flags: Flags; columns: number[] }>();
    for (let column = 0; column < block.silu.data.length; column++) {
      const flags: Flags = [block.fromOutput.data[column]!, block.fromStream.data[column]!, block.silu.data[column]!];
      const kind = kinds.get(flags.join()) ?? { flags, columns: [] };
      kind.columns.push(column);
      kinds.set(flags.join(), kind);
    }
    for (const [index, { flags, columns }] of [...kinds.values()].entries()) {
      const name = `${path.split(".").at(-1)} ${flags.join()}`;
      const group = groups.get(name) ?? { flags, tensors: new Map<string, BottleneckTensors>() };
      // The up-projection's bias belongs to the block, not to a column; give it to the first kind.
      group.tensors.set(path, columnsOf(block, columns, index === 0));
      groups.set(name, group);
    }
  }
  return [...groups.values()].map(({ flags, tensors }) => {
    const bn = bnConfigFor(flags, tensors, config.hiddenSize, config.layers);
    const architecture = architectureOf(bn, config, (field, problem) => new Error(`${field} ${problem}`) as never);
    const adapter = { architecture, tensors };
    return {
      method: "bottleneck",
      files: writeBottleneckFolder(adapter, { bn, model: config, baseModel: id }),
      delta: canonicalBottlenecks(adapter),
      parameters: countNumbers(adapter),
    };
  });
}

/** The configuration of adapters of one kind, on one kind of block, with the widths of `tensors`. */
function bnConfigFor(
  [fromOutput, fromStream, silu]: Flags,
  tensors: ReadonlyMap<string, BottleneckTensors>,
  width: number,
  layers: number,
): BnConfig {
  const layerOf = (path: string) => path.split(".")[1]!;
  // Add half a column, so that the division rounds down to the right width in spite of rounding errors.
  const factors = [...tensors].map(([path, { downBias }]) => [layerOf(path), width / (downBias.data.length + 0.5)]);
  const present = new Set([...tensors.keys()].map(layerOf));
  const afterAttention = [...tensors.keys()].every((path) => path.endsWith(".self_attn"));
  return {
    ...withDefaults({
      mh_adapter: afterAttention,
      output_adapter: !afterAttention,
      reduction_factor: Object.fromEntries(factors),
      non_linearity: silu === 1 ? "swish" : "relu",
    }),
    original_ln_before: fromOutput === 1 && fromStream === 1,
    is_parallel: fromOutput === 0,
    leave_out: Array.from({ length: layers }, (_, layer) => layer).filter((layer) => !present.has(String(layer))),
  };
}

function columnsOf(block: CanonicalBottleneck, columns: readonly number[], withUpBias: boolean): BottleneckTensors {
  const [width, all] = block.down.shape as readonly [number, number];
  const down = new Float32Array(width * columns.length);
  const up = new Float32Array(columns.length * width);
  for (const [at, column] of columns.entries()) {
    for (let row = 0; row < width; row++) down[row * columns.length + at] = block.down.data[row * all + column]!;
    up.set(block.up.data.subarray(column * width, (column + 1) * width), at * width);
  }
  return {
    down: f32([width, columns.length], down),
    downBias: f32(
      [columns.length],
      columns.map((column) => block.downBias.data[column]!),
    ),
    up: f32([columns.length, width], up),
    upBias: withUpBias ? block.upBias : zeros([width]),
  };
}

function promptAdapter(prompt: Tensor<"f32">, { config, id }: NamedBase): Adapter {
  const files = writePromptFolder(prompt, { model: config, baseModel: id });
  return { method: "prompt", files, delta: { ...NO_DELTA, prompt }, parameters: prompt.data.length };
}

function prefixAdapter(prefix: NonNullable<CanonicalDelta["prefix"]>, { config, id }: NamedBase): Adapter {
  const files = writePrefixFolder(flattened(config, prefix), { model: config, baseModel: id });
  const parameters = totalElements(prefix.flatMap(({ key, value }) => [key, value]));
  return { method: "prefix", files, delta: { ...NO_DELTA, prefix }, parameters };
}
