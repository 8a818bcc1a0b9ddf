/**
 * The form in which a delta is served: for each adapted linear layer y = xW what is added, whatever method made it.
 *
 *     y = (1 + Σ wᵢ(sᵢ − 1)) ⊙ xW + Σ wᵢ (xAᵢ)Bᵢ + Σ wᵢ bᵢ
 *
 * The file is a safetensors file of float32 tensors named by module path: `{path}.A` [in, R], `{path}.B` [R, out] with
 * every scale folded in, `{path}.s` [out], `{path}.b` [out]. Equal deltas have equal bytes, so the digest is theirs.
 */
import { TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors, type SafetensorsTensor, toF32, writeSafetensors } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import type { ModelConfig } from "../model/config.ts";
import { type LinearModule, linearModules } from "../model/modules.ts";
import { f32, type Tensor } from "../tensor.ts";
import { alphaOf } from "./lora-config.ts";
import type { LoraAdapter } from "./peft-folder.ts";

export const SERVING_FILE = "serving.safetensors";
const FORMAT = "trimtab.serving/1";

/** What one layer gets; `a` and `b` come together. */
export interface CanonicalModule {
  /** A [in, R] */
  readonly a?: Tensor<"f32">;
  /** B [R, out] */
  readonly b?: Tensor<"f32">;
  /** s [out]: a factor on the layer's own output. */
  readonly scale?: Tensor<"f32">;
  /** b [out]: added to the output. */
  readonly bias?: Tensor<"f32">;
}

/** By module path, in the order of the computation. */
export type CanonicalDelta = ReadonlyMap<string, CanonicalModule>;

/** Folds α/r, or α/√r, into B. */
export function canonicalLora({ config, factors }: LoraAdapter): CanonicalDelta {
  return new Map(
    [...factors].map(([path, { a, b }]) => {
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
      ];
    }),
  );
}

export function encodeCanonical(delta: CanonicalDelta): Uint8Array {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [path, { a, b, scale, bias }] of delta) {
    for (const [name, tensor] of [
      ["A", a],
      ["B", b],
      ["s", scale],
      ["b", bias],
    ] as const) {
      if (tensor === undefined) continue;
      tensors.set(`${path}.${name}`, { dtype: "F32", shape: tensor.shape, bytes: fromF32(tensor.data, "F32") });
    }
  }
  return writeSafetensors(tensors, { format: FORMAT });
}

/**
 * Reads a serving file for a base model. Throws `invalid_delta` naming the tensor that is unknown, missing, of a wrong
 * shape or dtype, or not finite.
 */
export function decodeCanonical(bytes: Uint8Array, model: ModelConfig): CanonicalDelta {
  const { metadata, tensors } = parseSafetensors(bytes, { code: "invalid_delta", name: SERVING_FILE, finite: true });
  if (metadata.format !== FORMAT) {
    throw refuse(`says its format is ${quoteName(metadata.format ?? "unknown")}; expected ${FORMAT}`);
  }
  const unread = new Map(tensors);
  const delta = new Map<string, CanonicalModule>();
  for (const module of linearModules(model)) {
    const found = readModule(module, unread);
    if (Object.keys(found).length > 0) delta.set(module.path, found);
  }
  const [unknown] = unread.keys();
  if (unknown !== undefined) throw refuse(`has a tensor ${quoteName(unknown)}, which belongs to no layer of the base`);
  if (delta.size === 0) throw refuse("holds no tensor");
  return delta;
}

/** Whether applying the delta would leave every output as it is. */
export function changesNothing(delta: CanonicalDelta): boolean {
  const all = (tensor: Tensor<"f32"> | undefined, value: number) =>
    tensor === undefined || tensor.data.every((element) => element === value);
  return [...delta.values()].every(
    ({ a, b, scale, bias }) => (b === undefined || all(b, 0) || all(a, 0)) && all(scale, 1) && all(bias, 0),
  );
}

/** Takes the module's tensors out of `unread`. */
function readModule({ path, in: inSize, out }: LinearModule, unread: Map<string, SafetensorsTensor>): CanonicalModule {
  const take = (name: string, expected: (shape: readonly number[]) => boolean): Tensor<"f32"> | undefined => {
    const key = `${path}.${name}`;
    const tensor = unread.get(key);
    if (tensor === undefined) return undefined;
    unread.delete(key);
    if (tensor.dtype !== "F32" || !expected(tensor.shape)) {
      throw refuse(`has a tensor ${key} ${tensor.dtype} [${tensor.shape.join(", ")}] that does not fit the base model`);
    }
    return f32(tensor.shape, toF32(tensor));
  };
  const a = take("A", ([rows, rank, ...more]) => rows === inSize && (rank ?? 0) > 0 && more.length === 0);
  const b = take("B", ([rank, columns, ...more]) => columns === out && rank === a?.shape[1] && more.length === 0);
  const scale = take("s", ([size, ...more]) => size === out && more.length === 0);
  const bias = take("b", ([size, ...more]) => size === out && more.length === 0);
  if ((a === undefined) !== (b === undefined)) throw refuse(`lacks the tensor ${path}.${a === undefined ? "A" : "B"}`);
  return {
    ...(a === undefined || b === undefined ? {} : { a, b }),
    ...(scale === undefined ? {} : { scale }),
    ...(bias === undefined ? {} : { bias }),
  };
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", `${SERVING_FILE} ${problem}`);
}
