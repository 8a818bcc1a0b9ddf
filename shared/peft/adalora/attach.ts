import { TrimtabError } from "../../errors.ts";
import type { Value } from "../../graph/graph.ts";
import { EMBEDDING_PATH, type LinearModule } from "../../model/modules.ts";
import { createRandom } from "../../random.ts";
import { elementCount, f32, type Tensor, totalElements, zeros } from "../../tensor.ts";
import { inputDropout } from "../input-dropout.ts";
import { targetedLayers } from "../lora/targets.ts";
import type { AttachedMethod, AttachOptions, MethodPlan, Parameter, PlanOptions, RewriteContext } from "../method.ts";
import { checkRank } from "../target-modules.ts";
import { rankAllocator, tripletNames } from "./allocator.ts";
import type { AdaLoraSettings } from "./settings.ts";

/** The initial standard deviation of A and B. */
const SPREAD = 0.02;
/** Smaller squared norms are clamped to this and get no gradient, because the slope of the root is infinite at 0. */
const LEAST_SQUARE = 1e-30;

/**
 * r(in + out + 1) numbers for each targeted layer, r being the initial rank, which a layer may keep to the end. The published
 * size assumes that every layer ends with the mean rank.
 */
export function planAdaLora(options: PlanOptions<AdaLoraSettings>): MethodPlan {
  const { settings, param } = options;
  const { init_r: rank, target_r: mean } = settings;
  const parameters = targetsOf(options).flatMap((module): Parameter[] => {
    const { a, e, b } = tripletNames(module.path);
    return [
      { name: a, shape: [module.in, rank], decay: true },
      { name: e, shape: [rank], decay: true },
      { name: b, shape: [rank, module.out], decay: true },
    ];
  });
  const numbers = totalElements(parameters);
  return {
    parameters,
    serving: { rank, vectors: 0, columns: 0, positions: 0 },
    published: (numbers / rank) * mean,
    checkSteps: (totalSteps) => requireAllocation(settings, totalSteps, param),
  };
}

/**
 * y + s · ((dropout(x) A) ⊙ E) B on every targeted layer, with s = α/r (Zhang et al. 2023; peft's AdaLoraModel). A penalty,
 * the mean of ‖AᵀA − 1‖ and ‖BBᵀ − 1‖ over all layers, keeps the vectors of A and B nearly orthogonal, so that E acts like
 * singular values. After each step, `rankAllocator` sets E to 0 for the least important ranks.
 *
 * A and B start normal with σ = 0.02, and E at 0, so that step 0 equals the base.
 */
export function attachAdaLora(options: AttachOptions<AdaLoraSettings>): AttachedMethod {
  const { settings, seed } = options;
  const modules = targetsOf(options);
  const { parameters, checkSteps } = planAdaLora(options);
  const vectors = new Set(modules.flatMap(({ path }) => [tripletNames(path).a, tripletNames(path).b]));
  const initial = new Map(
    parameters.map(({ name, shape }) => [name, vectors.has(name) ? normal(shape, seed, name) : zeros(shape)]),
  );
  const paths = modules.map(({ path }) => path);
  const dropout = inputDropout(modules, settings.lora_dropout);
  const { orth_reg_weight: weight, init_r: rank } = settings;
  return {
    parameters,
    initial,
    startsAsBase: true,
    randomInputs: dropout.randomInputs,
    rewrite: (context) => ({
      linear: ({ path, x }) => {
        if (!initial.has(tripletNames(path).a)) return {};
        const { b, parameter } = context;
        const names = tripletNames(path);
        const narrow = b.matmul(dropout.apply(context, path, x), parameter(names.a));
        // Apply the scale to E, the smallest of the factors.
        const scaled = b.mul(narrow, b.mul(parameter(names.e), adaLoraScale(settings)));
        return { added: [b.matmul(scaled, parameter(names.b))] };
      },
    }),
    ...(weight === 0
      ? {}
      : { penalty: (context: RewriteContext) => context.b.mul(orthogonality(context, paths, rank), weight) }),
    afterStep: {
      ...rankAllocator({ settings, initial, paths }),
      ...(checkSteps === undefined ? {} : { checkSteps }),
    },
  };
}

/** α/r with the initial rank, however many ranks remain, and with the term that peft adds against a division by 0. */
export function adaLoraScale({ init_r, lora_alpha }: Pick<AdaLoraSettings, "init_r" | "lora_alpha">): number {
  return lora_alpha / (init_r + 1e-5);
}

function targetsOf(options: PlanOptions<AdaLoraSettings>): readonly LinearModule[] {
  const { settings, param } = options;
  const { init_r, target_r } = settings;
  const modules = targetedLayers(options);
  if (modules.some(({ path }) => path === EMBEDDING_PATH)) {
    throw new TrimtabError(
      "invalid_request",
      `\`${param}.target_modules\`: adalora cannot train ${EMBEDDING_PATH} (nor can peft's). Remove it, or use \`type: "lora"\` for it.`,
      { param: `${param}.target_modules`, data: { name: EMBEDDING_PATH } },
    );
  }
  checkRank(modules, init_r, `${param}.init_r`);
  if (target_r > init_r) {
    throw new TrimtabError(
      "invalid_request",
      `\`${param}.target_r\` must be at most \`init_r\`, which is ${init_r}, got ${target_r}: ranks are only ever removed.`,
      { param: `${param}.target_r`, data: { init_r, target_r } },
    );
  }
  return modules;
}

function requireAllocation({ tinit, tfinal }: AdaLoraSettings, totalSteps: number, param: string): void {
  if (tinit + tfinal < totalSteps) return;
  const field = tinit >= totalSteps ? "tinit" : tfinal >= totalSteps ? "tfinal" : "tinit";
  throw new TrimtabError(
    "invalid_request",
    `\`${param}.${field}\`: with \`tinit\` ${tinit} and \`tfinal\` ${tfinal}, none of the run's ${totalSteps} steps can allocate ranks. Lower them or train for longer.`,
    { param: `${param}.${field}`, data: { totalSteps, tinit, tfinal } },
  );
}

function orthogonality({ b, parameter }: RewriteContext, paths: readonly string[], rank: number): Value {
  const ones = Float32Array.from({ length: rank * rank }, (_, i) => (i % (rank + 1) === 0 ? 1 : 0));
  const identity = b.constant(f32([rank, rank], ones));
  const distance = (gram: Value): Value =>
    b.sqrt(b.max(b.reduceSum(b.square(b.sub(gram, identity)), [0, 1]), LEAST_SQUARE));
  const distances = paths.flatMap((path) => {
    const names = tripletNames(path);
    const [right, left] = [parameter(names.a), parameter(names.b)];
    return [distance(b.matmul(right, right, { transA: true })), distance(b.matmul(left, left, { transB: true }))];
  });
  return b.div(
    distances.reduce((sum, term) => b.add(sum, term)),
    distances.length,
  );
}

function normal(shape: readonly number[], seed: number, name: string): Tensor<"f32"> {
  const random = createRandom(seed, "init", name);
  return f32(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => SPREAD * random.normal()),
  );
}
