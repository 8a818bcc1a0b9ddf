import { TrimtabError } from "../errors.ts";
import { type SafetensorsTensor, toF32 } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import type { ModelConfig } from "../model/config.ts";
import { adaptableModules, blockPaths, type LinearModule } from "../model/modules.ts";
import { f32, type Tensor } from "../tensor.ts";
import type { CanonicalBottleneck, CanonicalDelta, CanonicalModule } from "./canonical.ts";

type Size = number | "any";
type Take = (name: string, shape: readonly Size[]) => Tensor<"f32"> | undefined;

/**
 * Sorts the tensors of a serving file into the parts of a delta. Throws `invalid_delta`, naming the file, for a tensor that
 * is unknown, missing its counterpart, not F32, or of a shape that does not fit the model.
 */
export function readCanonicalParts(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  model: ModelConfig,
  fileName: string,
): CanonicalDelta {
  const refuse = (problem: string) => new TrimtabError("invalid_delta", `${fileName} ${problem}`);
  const unread = new Map(tensors);
  const take: Take = (name, expected) => {
    const tensor = unread.get(name);
    if (tensor === undefined) return undefined;
    unread.delete(name);
    const { dtype, shape } = tensor;
    const fits =
      shape.length === expected.length &&
      shape.every((size, axis) => (expected[axis] === "any" ? size > 0 : size === expected[axis]));
    if (dtype !== "F32" || !fits) {
      throw refuse(`has a tensor ${name} ${dtype} [${shape.join(", ")}] that does not fit the base model`);
    }
    return f32(shape, toF32(tensor));
  };
  /** Takes all of the tensors, or none if none is present. Throws if only some are. */
  const together = <const N extends string>(shapes: Readonly<Record<N, (first: Tensor<"f32">) => readonly Size[]>>) => {
    const names = Object.keys(shapes) as N[];
    const present = names.filter((name) => tensors.has(name));
    if (present.length === 0) return undefined;
    const missing = names.find((name) => !tensors.has(name));
    if (missing !== undefined) throw refuse(`lacks the tensor ${missing}`);
    let first: Tensor<"f32"> | undefined;
    const taken = names.map((name) => {
      const tensor = take(name, shapes[name](first ?? f32([], [0])))!;
      first ??= tensor;
      return [name, tensor];
    });
    return Object.fromEntries(taken) as Record<N, Tensor<"f32">>;
  };

  const linears = new Map<string, CanonicalModule>();
  for (const module of adaptableModules(model)) {
    const found = readModule(module, take, together);
    if (Object.keys(found).length > 0) linears.set(module.path, found);
  }
  const bottlenecks = new Map<string, CanonicalBottleneck>();
  const width = model.hiddenSize;
  for (const path of blockPaths(model)) {
    const columns = (down: Tensor<"f32">): Size[] => [down.shape[1]!];
    const shapes: Record<string, (down: Tensor<"f32">) => readonly Size[]> = {
      [`${path}.down`]: () => [width, "any"],
      [`${path}.down_bias`]: columns,
      [`${path}.up`]: (down) => [down.shape[1]!, width],
      [`${path}.up_bias`]: () => [width],
      [`${path}.from_output`]: columns,
      [`${path}.from_stream`]: columns,
      [`${path}.silu`]: columns,
    };
    const found = together(shapes);
    if (found === undefined) continue;
    const of = (name: string) => found[`${path}.${name}`]!;
    const flags = { fromOutput: of("from_output"), fromStream: of("from_stream"), silu: of("silu") };
    for (const [name, { data }] of Object.entries(flags)) {
      if (!data.every((flag) => flag === 0 || flag === 1))
        throw refuse(`has flags for ${path} (${name}) other than 0 and 1`);
    }
    const biases = { downBias: of("down_bias"), upBias: of("up_bias") };
    bottlenecks.set(path, { down: of("down"), up: of("up"), ...biases, ...flags });
  }
  const table = together({
    "embed_tokens.A": () => [model.vocabSize, "any"],
    "embed_tokens.B": (a) => [a.shape[1]!, width],
  });
  const prompt = take("prompt", ["any", width]);
  const kvWidth = model.kvHeads * model.headDim;
  const positions = together(
    Object.fromEntries(
      Array.from({ length: model.layers }, (_, layer) => [`prefix.${layer}.key`, `prefix.${layer}.value`])
        .flat()
        .map((name, at) => [name, (first: Tensor<"f32">) => [at === 0 ? "any" : first.shape[0]!, kvWidth]]),
    ),
  );

  const [unknown] = unread.keys();
  if (unknown !== undefined) throw refuse(`has a tensor ${quoteName(unknown)}, which matches no layer of the base`);
  if (tensors.size === 0) throw refuse("contains no tensors");
  return {
    linears,
    bottlenecks,
    ...(table === undefined ? {} : { embedding: { a: table["embed_tokens.A"], b: table["embed_tokens.B"] } }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(positions === undefined
      ? {}
      : {
          prefix: Array.from({ length: model.layers }, (_, layer) => ({
            key: positions[`prefix.${layer}.key`]!,
            value: positions[`prefix.${layer}.value`]!,
          })),
        }),
  };
}

function readModule(
  { path, in: inSize, out }: LinearModule,
  take: Take,
  together: (
    shapes: Record<string, (first: Tensor<"f32">) => readonly Size[]>,
  ) => Record<string, Tensor<"f32">> | undefined,
): CanonicalModule {
  const factors = together({
    [`${path}.A`]: () => [inSize, "any"],
    [`${path}.B`]: (a) => [a.shape[1]!, out],
  });
  const scale = take(`${path}.s`, [out]);
  const bias = take(`${path}.b`, [out]);
  return {
    ...(factors === undefined ? {} : { a: factors[`${path}.A`]!, b: factors[`${path}.B`]! }),
    ...(scale === undefined ? {} : { scale }),
    ...(bias === undefined ? {} : { bias }),
  };
}
