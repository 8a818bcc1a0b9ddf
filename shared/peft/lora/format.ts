/**
 * A LoRA adapter as peft saves it. Layout: huggingface/peft, `src/peft/utils/save_and_load.py`; method: Hu et al., "LoRA",
 * 2021.
 */
import type { CanonicalDelta } from "../../delta/canonical.ts";
import { NO_DELTA } from "../../delta/canonical.ts";
import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { checkpointPath, type LinearModule, linearModules } from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { f32, type Tensor } from "../../tensor.ts";
import { ADAPTER_CONFIG, adapterFiles } from "../adapter-folder.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import type { AdapterFolder, AdapterFormat } from "../method.ts";
import { namesModule, shortestNames } from "../target-modules.ts";
import { alphaOf, type LoraConfig, loraConfigJson, parseLoraConfig } from "./adapter-config.ts";

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

export const loraFormat: AdapterFormat = {
  recognises: (config) => config["peft_type"] === "LORA",
  async read(folder, base) {
    const adapter = readLora(folder, base.config);
    const parameters = [...adapter.factors.values()].reduce((sum, { a, b }) => sum + a.data.length + b.data.length, 0);
    return { method: "lora", delta: canonicalLora(adapter), parameters };
  },
};

/** Folds α/r, or α/√r, into B. */
export function canonicalLora({ config, factors }: LoraAdapter): CanonicalDelta {
  const linears = [...factors].map(([path, { a, b }]) => {
    const rank = a.shape[1]!;
    const scale = alphaOf(config, path) / (config.rankStabilised ? Math.sqrt(rank) : rank);
    return [
      path,
      {
        a,
        b: f32(
          b.shape,
          b.data.map((value) => value * scale),
        ),
      },
    ] as const;
  });
  return { ...NO_DELTA, linears: new Map(linears) };
}

/** Throws `invalid_delta` as `AdapterFormat.read` says. */
export function readLora({ config: json, tensors: stored }: AdapterFolder, model: ModelConfig): LoraAdapter {
  const config = parseLoraConfig(json);
  const tensors = new AdapterTensors(stored);
  const modules = linearModules(model);
  const isPresent = ({ path }: LinearModule) => tensors.has(keyOf(path, "A")) || tensors.has(keyOf(path, "B"));
  const present = new Set(modules.filter(isPresent).map(({ path }) => path));
  const expected = config.targetModules === undefined ? present : expectedPaths(config, modules);
  const factors = new Map<string, LoraFactors>();
  for (const module of modules) {
    const { path } = module;
    if (present.has(path) && !expected.has(path)) {
      throw refuse(`there are tensors for ${path}, which target_modules in ${ADAPTER_CONFIG} does not name`);
    }
    if (expected.has(path)) factors.set(path, readFactors(tensors, module));
  }
  tensors.done();
  if (factors.size === 0) throw refuse("the adapter has no tensor for any layer of the base model");
  return { config, factors };
}

/**
 * Writes the two files. `targetModules` of the configuration is set to the shortest names that stand for exactly the
 * adapted layers. Throws `internal_error` when factors do not have the configuration's rank.
 */
export function writeLoraFolder(adapter: LoraAdapter, model: ModelConfig): Map<string, Uint8Array> {
  const tensors = new Map<string, Tensor<"f32">>();
  for (const [path, { a, b }] of adapter.factors) {
    if (a.shape[1] !== adapter.config.rank || b.shape[0] !== adapter.config.rank) {
      throw new TrimtabError("internal_error", `the factors of ${path} do not have rank ${adapter.config.rank}`);
    }
    tensors.set(keyOf(path, "A"), transposed(a));
    tensors.set(keyOf(path, "B"), transposed(b));
  }
  const targetModules = shortestNames([...adapter.factors.keys()], linearModules(model));
  return adapterFiles(loraConfigJson({ ...adapter.config, targetModules, layers: undefined }), tensors);
}

const keyOf = (path: string, factor: "A" | "B") => `base_model.model.${checkpointPath(path)}.lora_${factor}.weight`;

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
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

function readFactors(tensors: AdapterTensors, { path, in: inSize, out }: LinearModule): LoraFactors {
  const a = tensors.take(keyOf(path, "A"), ["r", inSize]);
  const b = tensors.take(keyOf(path, "B"), [out, a.shape[0]!]);
  return { a: transposed(a), b: transposed(b) };
}
