import type { PeftSettings } from "../../../shared/api/methods.ts";
import { checkRank, resolveTargetModules } from "../../../shared/delta/target-modules.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import type { LinearRewrite } from "../../../shared/model/forward.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor, zeros } from "../../../shared/tensor.ts";
import type { AttachedMethod, AttachOptions, RewriteContext } from "../method.ts";

export type LoraSettings = Extract<PeftSettings, { type: "lora" }>;

/** The names of a module's two parameters: A [in, r] and B [r, out]. PEFT's files hold their transposes. */
export const factorNames = (path: string) => ({ a: `${path}.lora_A`, b: `${path}.lora_B` });

/**
 * y + s · dropout(x) A B on every targeted layer, with s = α/r, or α/√r for rsLoRA (Hu et al. 2021; Kalajdzievski 2023).
 *
 * A starts uniform in ±1/√in, which is the kaiming-uniform with a = √5 that peft draws, and B at 0, so that step 0 is the
 * base. Every module draws A from a random stream of its own and has a dropout mask of its own.
 */
export function attachLora({ config, settings, seed }: AttachOptions<LoraSettings>): AttachedMethod {
  const modules = resolveTargetModules(config, settings.target_modules);
  checkRank(modules, settings.r);
  const shapes = new Map<string, readonly number[]>();
  const initial = new Map<string, Tensor<"f32">>();
  for (const module of modules) {
    const names = factorNames(module.path);
    shapes.set(names.a, [module.in, settings.r]);
    shapes.set(names.b, [settings.r, module.out]);
    initial.set(names.a, uniform([module.in, settings.r], 1 / Math.sqrt(module.in), seed, names.a));
    initial.set(names.b, zeros([settings.r, module.out]));
  }
  const dropout = settings.lora_dropout;
  return {
    parameters: [...shapes].map(([name, shape]) => ({ name, shape, decay: true })),
    initial,
    rewrite: (context) => rewriteLinears(context, new Set(modules.map(({ path }) => path)), settings),
    randomInputs: ({ rows, tokens }) =>
      dropout === 0
        ? []
        : modules.map((module) => ({
            name: maskName(module.path),
            shape: [rows, tokens, module.in],
            probability: dropout,
          })),
  };
}

/** What the product of the factors is multiplied by. */
export function loraScale({ r, lora_alpha: alpha, use_rslora: rankStabilised }: LoraSettings): number {
  return alpha / (rankStabilised ? Math.sqrt(r) : r);
}

const maskName = (path: string) => `${path}.lora_dropout`;

function rewriteLinears(
  { b, parameter, training }: RewriteContext,
  targets: ReadonlySet<string>,
  settings: LoraSettings,
): LinearRewrite {
  const p = settings.lora_dropout;
  const dropped = (path: string, x: Value): Value => {
    if (!training || p === 0) return x;
    const mask = b.cast(b.input(maskName(path), "u8", x.shape), x.dtype);
    return b.mul(x, b.mul(mask, 1 / (1 - p)));
  };
  return ({ path, x, y }) => {
    if (!targets.has(path)) return y;
    const names = factorNames(path);
    // Scaling the narrow product costs r elements a token, scaling the wide one `out`.
    const narrow = b.mul(b.matmul(dropped(path, x), parameter(names.a)), loraScale(settings));
    return b.add(y, b.matmul(narrow, parameter(names.b)));
  };
}

function uniform(shape: readonly [number, number], bound: number, seed: number, name: string): Tensor<"f32"> {
  const random = createRandom(seed, "init", name);
  return f32(
    shape,
    Float32Array.from({ length: shape[0] * shape[1] }, () => bound * (2 * random.float() - 1)),
  );
}
