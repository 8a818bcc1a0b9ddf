import type { Value } from "../../graph/graph.ts";
import type { LinearModule } from "../../model/modules.ts";
import type { ModelRewrite } from "../../model/rewrite.ts";
import { createRandom } from "../../random.ts";
import { f32, type Tensor, zeros } from "../../tensor.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, PlanOptions, RewriteContext } from "../method.ts";
import { checkRank, resolveTargetModules } from "../target-modules.ts";
import type { LoraSettings } from "./settings.ts";

/** The names of a module's two parameters: A [in, r] and B [r, out]. PEFT's files hold their transposes. */
export const factorNames = (path: string) => ({ a: `${path}.lora_A`, b: `${path}.lora_B` });

/** r(in + out) numbers for each targeted layer. */
export function planLora(options: PlanOptions<LoraSettings>): MethodPlan {
  const { r } = options.settings;
  const parameters = targetsOf(options).flatMap((module) => {
    const names = factorNames(module.path);
    return [
      { name: names.a, shape: [module.in, r], decay: true },
      { name: names.b, shape: [r, module.out], decay: true },
    ];
  });
  return { parameters, serving: { rank: r, vectors: 0, columns: 0, positions: 0 } };
}

function targetsOf({ config, settings, param }: PlanOptions<LoraSettings>): LinearModule[] {
  const modules = resolveTargetModules(config, settings.target_modules, `${param}.target_modules`);
  checkRank(modules, settings.r, `${param}.r`);
  return modules;
}

/**
 * y + s · dropout(x) A B on every targeted layer, with s = α/r, or α/√r for rsLoRA (Hu et al. 2021; Kalajdzievski 2023).
 *
 * A starts uniform in ±1/√in, which is the kaiming-uniform with a = √5 that peft draws, and B at 0, so that step 0 is the
 * base. Every module draws A from a random stream of its own and has a dropout mask of its own.
 */
export function attachLora(options: AttachOptions<LoraSettings>): AttachedMethod {
  const { settings, seed } = options;
  const modules = targetsOf(options);
  const initial = new Map<string, Tensor<"f32">>();
  for (const module of modules) {
    const names = factorNames(module.path);
    initial.set(names.a, uniform([module.in, settings.r], 1 / Math.sqrt(module.in), seed, names.a));
    initial.set(names.b, zeros([settings.r, module.out]));
  }
  const dropout = settings.lora_dropout;
  return {
    parameters: planLora(options).parameters,
    initial,
    startsAsBase: true,
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
  { b, parameter, random, training }: RewriteContext,
  targets: ReadonlySet<string>,
  settings: LoraSettings,
): ModelRewrite {
  const p = settings.lora_dropout;
  const dropped = (path: string, x: Value): Value => {
    if (!training || p === 0) return x;
    return b.mul(x, b.mul(b.cast(random(maskName(path)), x.dtype), 1 / (1 - p)));
  };
  return {
    linear: ({ path, x }) => {
      if (!targets.has(path)) return {};
      const names = factorNames(path);
      // Scaling the narrow product costs r elements a token, scaling the wide one `out`.
      const narrow = b.mul(b.matmul(dropped(path, x), parameter(names.a)), loraScale(settings));
      return { added: [b.matmul(narrow, parameter(names.b))] };
    },
  };
}

function uniform(shape: readonly [number, number], bound: number, seed: number, name: string): Tensor<"f32"> {
  const random = createRandom(seed, "init", name);
  return f32(
    shape,
    Float32Array.from({ length: shape[0] * shape[1] }, () => bound * (2 * random.float() - 1)),
  );
}
