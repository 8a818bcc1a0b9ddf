/**
 * A LoRA adapter as peft saves it: `adapter_config.json` and `adapter_model.safetensors`.
 *
 * Nothing in a folder is overlooked: a tensor that belongs to no layer, a layer that lacks one, a wrong shape, a value
 * that is not finite, or a file that is not expected is refused by name. Layout: huggingface/peft,
 * `src/peft/utils/save_and_load.py`; method: Hu et al., "LoRA", 2021.
 */
import { TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors, type SafetensorsTensor, toF32, writeSafetensors } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import type { ModelConfig } from "../model/config.ts";
import { type LinearModule, linearModules } from "../model/modules.ts";
import { transposed } from "../model/weights.ts";
import { f32, type Tensor } from "../tensor.ts";
import { ADAPTER_CONFIG, type LoraConfig, namesModule, parseLoraConfig, writeLoraConfig } from "./lora-config.ts";

export const ADAPTER_WEIGHTS = "adapter_model.safetensors";

/** The factors of one layer as graphs take them: y += s · (xA)B. */
export interface LoraFactors {
  /** [in, r] */
  readonly a: Tensor<"f32">;
  /** [r, out] */
  readonly b: Tensor<"f32">;
}

export interface LoraAdapter {
  readonly config: LoraConfig;
  /** By module path, such as `layers.0.self_attn.q_proj`, in the order of the computation. */
  readonly factors: ReadonlyMap<string, LoraFactors>;
}

/** Files that may lie beside the two; they are read by others, or by nobody. */
const OTHER_FILES = new Set(["README.md", "manifest.json", "serving.safetensors"]);

/**
 * Reads a folder for a base model. Throws `invalid_delta` naming the file, field or tensor that is wrong; tensors that do
 * not fit the layers mean that the adapter was made for another base.
 */
export function readPeftFolder(files: ReadonlyMap<string, Uint8Array>, model: ModelConfig): LoraAdapter {
  for (const name of files.keys()) requireAllowed(name);
  const config = parseLoraConfig(requireFile(files, ADAPTER_CONFIG));
  const { tensors } = parseSafetensors(requireFile(files, ADAPTER_WEIGHTS), {
    code: "invalid_delta",
    name: ADAPTER_WEIGHTS,
    finite: true,
  });
  const modules = linearModules(model);
  const known = new Map(
    modules.flatMap(({ path }) => [[keyOf(path, "A"), path] as const, [keyOf(path, "B"), path] as const]),
  );
  const present = new Set<string>();
  for (const key of tensors.keys()) {
    const path = known.get(key);
    if (path === undefined) throw refuse(`the tensor ${quoteName(key)} belongs to no linear layer of the base model`);
    present.add(path);
  }
  const expected = config.targetModules === undefined ? present : expectedPaths(config, modules);
  const factors = new Map<string, LoraFactors>();
  for (const module of modules) {
    const { path } = module;
    if (present.has(path) && !expected.has(path)) {
      throw refuse(`there are tensors for ${path}, which target_modules in ${ADAPTER_CONFIG} does not name`);
    }
    if (expected.has(path)) factors.set(path, readFactors(tensors, module));
  }
  if (factors.size === 0) throw refuse("the adapter has no tensor for any layer of the base model");
  return { config, factors };
}

/**
 * Writes the two files. `targetModules` of the configuration is set to the shortest names that stand for exactly the
 * adapted layers. Throws `internal_error` when factors do not have the configuration's rank.
 */
export function writePeftFolder(adapter: LoraAdapter, model: ModelConfig): Map<string, Uint8Array> {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [path, { a, b }] of adapter.factors) {
    if (a.shape[1] !== adapter.config.rank || b.shape[0] !== adapter.config.rank) {
      throw new TrimtabError("internal_error", `the factors of ${path} do not have rank ${adapter.config.rank}`);
    }
    tensors.set(keyOf(path, "A"), toFile(a));
    tensors.set(keyOf(path, "B"), toFile(b));
  }
  const targetModules = shortNames([...adapter.factors.keys()], linearModules(model));
  return new Map([
    [ADAPTER_CONFIG, writeLoraConfig({ ...adapter.config, targetModules, layers: undefined })],
    [ADAPTER_WEIGHTS, writeSafetensors(tensors, { format: "pt" })],
  ]);
}

const keyOf = (path: string, factor: "A" | "B") => `base_model.model.model.${path}.lora_${factor}.weight`;

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}

function requireAllowed(name: string): void {
  if (name === ADAPTER_CONFIG || name === ADAPTER_WEIGHTS || OTHER_FILES.has(name)) return;
  if (/\.(bin|pt|pth|pkl|pickle|ckpt)$/i.test(name)) {
    throw refuse(
      `${quoteName(name)} is a pickle, which can run code, and is never read; save the adapter as safetensors`,
    );
  }
  throw refuse(`the folder holds ${quoteName(name)}, which is no part of a LoRA adapter; leave it out`);
}

function requireFile(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw refuse(`the folder lacks ${name}`);
  return bytes;
}

function expectedPaths(config: LoraConfig, modules: readonly LinearModule[]): Set<string> {
  const paths = modules
    .map(({ path }) => path)
    .filter((path) => {
      const layer = Number(path.split(".")[1]);
      const named = config.targetModules!.some((name) => name === "all-linear" || namesModule(name, path));
      return named && (config.layers === undefined || config.layers.includes(layer));
    });
  if (paths.length === 0) {
    throw refuse(
      `target_modules in ${ADAPTER_CONFIG} (${config.targetModules!.join(", ")}) names no layer of the base model`,
    );
  }
  return new Set(paths);
}

function readFactors(tensors: ReadonlyMap<string, SafetensorsTensor>, module: LinearModule): LoraFactors {
  const [a, b] = (["A", "B"] as const).map((factor) => {
    const key = keyOf(module.path, factor);
    const tensor = tensors.get(key);
    if (tensor === undefined) throw refuse(`${ADAPTER_WEIGHTS} lacks the tensor ${key}`);
    if (tensor.dtype !== "F32" && tensor.dtype !== "F16" && tensor.dtype !== "BF16") {
      throw refuse(`the tensor ${key} is ${tensor.dtype}; an adapter is F32, F16 or BF16`);
    }
    return tensor;
  }) as [SafetensorsTensor, SafetensorsTensor];
  const rank = a.shape[0] ?? 0;
  requireShape(keyOf(module.path, "A"), a.shape, rank > 0 ? [rank, module.in] : ["r", module.in]);
  requireShape(keyOf(module.path, "B"), b.shape, [module.out, rank]);
  return { a: transposed(f32(a.shape, toF32(a))), b: transposed(f32(b.shape, toF32(b))) };
}

function requireShape(key: string, found: readonly number[], expected: readonly (number | string)[]): void {
  if (found.join() === expected.join()) return;
  throw refuse(
    `the tensor ${key} has the shape [${found.join(", ")}], but the base model needs [${expected.join(", ")}]; ` +
      "was the adapter made for another base?",
  );
}

function toFile(factor: Tensor<"f32">): SafetensorsTensor {
  const { shape, data } = transposed(factor);
  return { dtype: "F32", shape, bytes: fromF32(data, "F32") };
}

/** Layer names such as `q_proj` where all layers of that name are adapted, whole paths for the others. */
function shortNames(paths: readonly string[], modules: readonly LinearModule[]): string[] {
  const lastName = (path: string) => path.slice(path.lastIndexOf(".") + 1);
  const adapted = new Set(paths);
  const whole = new Set(modules.map(({ path }) => lastName(path)));
  for (const { path } of modules) if (!adapted.has(path)) whole.delete(lastName(path));
  return [...new Set(paths.map((path) => (whole.has(lastName(path)) ? lastName(path) : path)))];
}
