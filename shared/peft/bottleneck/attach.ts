import { TrimtabError } from "../../errors.ts";
import type { Value } from "../../graph/graph.ts";
import type { ModelRewrite } from "../../model/rewrite.ts";
import { createRandom } from "../../random.ts";
import { elementCount, f32, type Tensor } from "../../tensor.ts";
import type {
  AttachedMethod,
  AttachOptions,
  Gate,
  MethodPlan,
  Parameter,
  PlanOptions,
  RewriteContext,
} from "../method.ts";
import { parameterNames } from "./adapter.ts";
import { type Architecture, architectureOf } from "./architecture.ts";
import { type BnConfig, type BottleneckSettings, bnConfigOf } from "./settings.ts";

/** 2·D·M + M + D numbers for each adapter of width M, plus its scaling if that is trainable. */
export function planBottleneck(options: PlanOptions<BottleneckSettings>): MethodPlan {
  const architecture = architectureFor(options);
  const { hiddenSize: width } = options.config;
  const parameters = architecture.sites.flatMap(({ path, columns }): Parameter[] => {
    const names = parameterNames(path);
    return [
      { name: names.down, shape: [width, columns], decay: true },
      { name: names.downBias, shape: [columns], decay: false },
      { name: names.up, shape: [columns, width], decay: true },
      { name: names.upBias, shape: [width], decay: false },
      ...(typeof architecture.scaling === "number"
        ? []
        : [{ name: names.scaling, shape: [architecture.scaling === "learned" ? 1 : width], decay: false }]),
    ];
  });
  const columns = Math.max(...architecture.sites.map((site) => site.columns));
  return { parameters, serving: { rank: 0, vectors: 0, columns, positions: 0 } };
}

/** One gate for each adapter. */
export function bottleneckGates(options: PlanOptions<BottleneckSettings>): Gate[] {
  return architectureFor(options).sites.map(({ path }) => {
    const { up, upBias } = parameterNames(path);
    return { name: `${path}.adapter`, parameters: [up, upBias], parts: 1 };
  });
}

/**
 * Adds s · (f(h·D + d) U + u) to the stream after a block, f ReLU or SiLU, with h and s from `architectureOf` (Houlsby et al.
 * 2019; Pfeiffer et al. 2020; He et al. 2021).
 *
 * Weights are initialised according to `init_weights`, as in AdapterHub: `bert` is normal with σ = 0.02; `houlsby` is normal
 * with σ = 0.01, truncated at 2σ; `mam_adapter` has D kaiming-uniform with a = √5 and U = 0, and is the only one that starts
 * as the base. Biases start at 0 and trainable scalings at 1. Dropout is on the adapter's output, as in AdapterHub.
 */
export function attachBottleneck(options: AttachOptions<BottleneckSettings>): AttachedMethod {
  const { settings, seed } = options;
  const architecture = architectureFor(options);
  const { parameters } = planBottleneck(options);
  const { init_weights: init, dropout } = bnConfigOf(settings);
  return {
    parameters,
    initial: new Map(parameters.map(({ name, shape }) => [name, firstValue(name, shape, { init, seed })])),
    startsAsBase: init === "mam_adapter",
    rewrite: (context) => adaptBlocks(context, architecture, dropout),
    randomInputs: ({ rows, tokens }) =>
      dropout === 0
        ? []
        : architecture.sites.map(({ path }) => ({
            name: maskName(path),
            shape: [rows, tokens, options.config.hiddenSize],
            probability: dropout,
          })),
  };
}

/** Throws `invalid_request` with the field as `param`, including for layers that the model does not have. */
export function architectureFor({ config, settings, param }: PlanOptions<BottleneckSettings>): Architecture {
  const refuse = (field: string, problem: string) =>
    new TrimtabError("invalid_request", `\`${param}.${field}\` ${problem}.`, { param: `${param}.${field}` });
  const bn = bnConfigOf(settings);
  const { reduction_factor: factor } = bn;
  const named = typeof factor === "number" ? [] : Object.keys(factor).filter((name) => name !== "default");
  for (const [field, layers] of [
    ["leave_out", bn.leave_out],
    ["reduction_factor", named.map(Number)],
  ] as const) {
    const missing = layers.find((layer) => layer >= config.layers);
    if (missing !== undefined)
      throw refuse(field, `includes layer ${missing}, but this model's last layer is ${config.layers - 1}`);
  }
  return architectureOf(bn, config, refuse);
}

const maskName = (path: string) => `${path}.adapter_dropout`;

function adaptBlocks(
  { b, parameter, random, training }: RewriteContext,
  { fromOutput, fromStream, silu, scaling, sites }: Architecture,
  dropout: number,
): ModelRewrite {
  const paths = new Set(sites.map(({ path }) => path));
  const dropped = (path: string, x: Value): Value => {
    if (!training || dropout === 0) return x;
    return b.mul(x, b.mul(b.cast(random(maskName(path)), x.dtype), 1 / (1 - dropout)));
  };
  return {
    block: ({ path, stream, y }) => {
      if (!paths.has(path)) return [];
      const names = parameterNames(path);
      const input = !fromStream ? y : fromOutput ? b.add(stream, y) : stream;
      const inner = b.add(b.matmul(input, parameter(names.down)), parameter(names.downBias));
      const up = b.matmul(silu ? b.silu(inner) : b.relu(inner), parameter(names.up));
      const added = b.add(up, parameter(names.upBias));
      const factor = typeof scaling === "number" ? scaling : parameter(names.scaling);
      return [dropped(path, factor === 1 ? added : b.mul(added, factor))];
    },
  };
}

function firstValue(
  name: string,
  shape: readonly number[],
  { init, seed }: { init: BnConfig["init_weights"]; seed: number },
): Tensor<"f32"> {
  const fill = (draw: () => number) => f32(shape, Float32Array.from({ length: elementCount(shape) }, draw));
  if (name.endsWith("_scaling")) return fill(() => 1);
  if (shape.length === 1) return fill(() => 0);
  const random = createRandom(seed, "init", name);
  switch (init) {
    case "bert":
      return fill(() => 0.02 * random.normal());
    case "houlsby":
      return fill(() => 0.01 * truncatedNormal(random.normal));
    case "mam_adapter": {
      const bound = 1 / Math.sqrt(shape[0]!);
      return name.endsWith("_up") ? fill(() => 0) : fill(() => bound * (2 * random.float() - 1));
    }
  }
}

/** A normal draw within two standard deviations. */
function truncatedNormal(draw: () => number): number {
  for (;;) {
    const value = draw();
    if (Math.abs(value) <= 2) return value;
  }
}
