import { TrimtabError } from "../errors.ts";
import { weightSpecs } from "../model/modules.ts";
import { combineRewrites } from "../model/rewrite.ts";
import { attachGated, foldGates, gatesOf, planGated } from "./gated.ts";
import type {
  Adapter,
  AdapterContent,
  AdapterResult,
  AfterStep,
  AttachedMethod,
  AttachOptions,
  CheckSteps,
  Claim,
  Gate,
  MethodPlan,
  Parameter,
  PlanOptions,
  PublishedPart,
  PublishOptions,
  RewriteContext,
  ServingFootprint,
  TrainedValues,
} from "./method.ts";
import { publishedNumbers } from "./plan.ts";
import { methodsOf, type PeftChoice } from "./presets.ts";
import { type AnySettings, peftMethod } from "./registry.ts";
import { renamed, withPrefix } from "./renamed.ts";
import { requireRoom } from "./virtual-tokens.ts";

/**
 * Combines a job's methods into one method on one model: each trains its own parameters, at the learning rate that it
 * has alone, and their contributions add up. A single method is unchanged and keeps the names of its parameters; those
 * of several are told apart by their place in the list.
 *
 * Throws `invalid_request`, with the method's place as `param`, for methods that cannot be combined.
 */
export function attachMethods({ settings: choice, ...options }: AttachOptions<PeftChoice>): AttachedMethod {
  const planned = plansOf({ ...options, settings: choice });
  const ofBase = new Set(weightSpecs(options.config).map(({ name }) => name));
  const isOfBase = (name: string) => ofBase.has(name);
  const parts = planned.map(({ settings, param, gates, rate, prefix }) => {
    const part = attachGated(peftMethod(settings).attach({ ...options, settings, param }), gates);
    return renamed({ ...part, parameters: atRate(part.parameters, rate) }, { prefix, isOfBase });
  });
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const penalties = parts.flatMap(({ penalty }) => penalty ?? []);
  const afterSteps = parts.flatMap(({ afterStep }) => afterStep ?? []);
  return {
    parameters: parts.flatMap(({ parameters }) => parameters),
    initial: new Map(parts.flatMap(({ initial }) => [...initial])),
    startsAsBase: parts.every(({ startsAsBase }) => startsAsBase),
    rewrite: (context) =>
      combineRewrites(
        context.b,
        // Virtual tokens come last, since they take the place of what others make of the placeholders' embeddings.
        parts
          .toSorted((one, other) => (one.virtualTokens ?? 0) - (other.virtualTokens ?? 0))
          .flatMap(({ rewrite }) => rewrite?.(context) ?? []),
      ),
    randomInputs: (shape) => parts.flatMap(({ randomInputs }) => randomInputs(shape)),
    frozen: new Map(parts.flatMap(({ frozen }) => [...(frozen ?? [])])),
    replaced: new Set(parts.flatMap(({ replaced }) => [...(replaced ?? [])])),
    virtualTokens: sum(parts.map(({ virtualTokens = 0 }) => virtualTokens)),
    prefixTokens: sum(parts.map(({ prefixTokens = 0 }) => prefixTokens)),
    ...(penalties.length === 0
      ? {}
      : {
          penalty: (context: RewriteContext) =>
            penalties.map((penalty) => penalty(context)).reduce((total, term) => context.b.add(total, term)),
        }),
    ...(afterSteps.length === 0 ? {} : { afterStep: allAfter(afterSteps) }),
  };
}

/** The combined plan of all methods; names of parameters as `attachMethods` gives them. Throws as that does. */
export function planMethods(options: PlanOptions<PeftChoice>): MethodPlan {
  const parts = plansOf(options).map(({ settings, plan, rate, prefix }) => ({
    mergeable: peftMethod(settings).traits.mergeable,
    ...plan,
    parameters: atRate(plan.parameters, rate).map((parameter) => ({
      ...parameter,
      name: `${prefix}${parameter.name}`,
    })),
  }));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const total = (key: keyof ServingFootprint) => sum(parts.map(({ serving }) => serving[key]));
  const frozen = parts.flatMap(({ frozenBytes }) => frozenBytes ?? []);
  return {
    parameters: parts.flatMap(({ parameters }) => parameters),
    serving: {
      rank: total("rank"),
      vectors: total("vectors"),
      columns: total("columns"),
      positions: total("positions"),
    },
    claims: parts.flatMap(({ claims = [] }) => claims),
    published: sum(parts.map(publishedNumbers)),
    ...(frozen.length === 0 ? {} : { frozenBytes: Math.min(...frozen) }),
    mergeable: parts.every(({ mergeable }) => mergeable),
    checkSteps: allChecks(parts),
  };
}

/**
 * The serving form of each method's part of the values, with its gates folded in. Writes no files. Throws
 * `invalid_request` for a method whose result is a whole model, which has no such form.
 */
export function canonicalMethods(trained: TrainedValues<PeftChoice>): Promise<AdapterContent[]> {
  return Promise.all(
    trainedParts(trained).map(({ settings, param, values, gates }) => {
      const { result } = peftMethod<AnySettings>(settings);
      if (result.kind === "adapter") return contentOf(result, { ...trained, settings, values }, gates);
      throw new TrimtabError(
        "invalid_request",
        `\`${param}\`: \`${settings.type}\` trains a whole model, which is not served as a delta; publish its files instead.`,
        { param },
      );
    }),
  );
}

/** The same with the files of each: those that other tools read an adapter from, or all of a whole model's. */
export function publishMethods(options: PublishOptions<PeftChoice>): Promise<PublishedPart[]> {
  return Promise.all(
    trainedParts(options).map(async ({ settings, values, gates }): Promise<PublishedPart> => {
      const { result } = peftMethod<AnySettings>(settings);
      const own = { ...options, settings, values };
      if (result.kind === "model") return { kind: "model", files: await result.files(own) };
      const content = await contentOf(result, own, gates);
      return { kind: "adapter", adapter: withFiles(content, result.files(content, own)) };
    }),
  );
}

/** Each method of a choice with the values that are its own, without its gates. */
function trainedParts({ settings: choice, config, values }: TrainedValues<PeftChoice>) {
  return plansOf({ settings: choice, config, param: "peft" }).map(({ prefix, ...planned }) => {
    return { ...planned, values: foldGates(withPrefix(values, prefix), planned.gates) };
  });
}

async function contentOf(
  result: AdapterResult<AnySettings>,
  trained: TrainedValues<AnySettings>,
  gates: readonly Gate[],
): Promise<AdapterContent> {
  const content = await result.canonical(trained);
  return { ...content, parameters: content.parameters + sum(gates.map(({ parts }) => parts)) };
}

/** An adapter that no longer needs its method's own terms. */
function withFiles({ own: _, ...served }: AdapterContent, files: ReadonlyMap<string, Uint8Array>): Adapter {
  return { ...served, files };
}

export interface PlannedMethod {
  readonly settings: AnySettings;
  readonly param: string;
  readonly plan: MethodPlan;
  readonly gates: readonly Gate[];
  /** The method's learning rate as a multiple of the list's. */
  readonly rate: number;
  /** Before the names of its parameters. */
  readonly prefix: string;
}

/** Each method with its plan, its gates and its place. Throws as `attachMethods` does. */
export function plansOf({ settings: choice, config, param: start }: PlanOptions<PeftChoice>): PlannedMethod[] {
  const placed = methodsOf(choice).map(({ settings, place }) => ({ settings, param: `${start}${place}` }));
  requireCompanions(placed);
  const unit = learningRateOf(choice);
  const planned = placed.map(({ settings, param }, index): PlannedMethod => {
    const options = { config, settings, param };
    const gates = gatesOf(options);
    return {
      ...{ settings, param, gates },
      plan: planGated(peftMethod(settings).plan(options), gates),
      rate: ownLearningRate(settings) / unit,
      prefix: placed.length === 1 ? "" : `${index}.`,
    };
  });
  requireAgreement(planned);
  if (planned.length > 1) requireRoom(config, sum(planned.map(({ plan }) => plan.serving.positions)), start);
  return planned;
}

/** The common learning rate as a multiple of LoRA's: the lowest of the methods', 1 without any. */
export function learningRateOf(choice: PeftChoice): number {
  const rates = methodsOf(choice).map(({ settings }) => ownLearningRate(settings));
  return rates.length === 0 ? 1 : Math.min(...rates);
}

function ownLearningRate(settings: AnySettings): number {
  const method = peftMethod(settings);
  return method.learningRate?.(settings) ?? method.traits.learningRate;
}

function atRate(parameters: readonly Parameter[], factor: number): readonly Parameter[] {
  return factor === 1 ? parameters : parameters.map((one) => ({ ...one, rate: (one.rate ?? 1) * factor }));
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

function requireCompanions(methods: readonly { readonly settings: AnySettings; readonly param: string }[]): void {
  const full = methods.find(({ settings }) => settings.type === "full");
  if (methods.length === 1 || full === undefined) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${full.param}\`: \`full\` trains every weight and leaves nothing to the other methods; send it alone.`,
    { param: full.param },
  );
}

const CLAIMED: Readonly<Record<Claim, string>> = {
  "virtual tokens": "put virtual tokens before the text",
  prefix: "put a prefix before the text",
  base: "change the form of the frozen base",
};

function requireAgreement(planned: readonly PlannedMethod[]): void {
  const claimed = new Map<Claim, string>();
  for (const { plan, param } of planned) {
    for (const claim of plan.claims ?? []) {
      const first = claimed.get(claim);
      if (first !== undefined) {
        throw new TrimtabError(
          "invalid_request",
          `\`${first}\` and \`${param}\` both ${CLAIMED[claim]}; a list can have one such method.`,
          { param },
        );
      }
      claimed.set(claim, param);
    }
  }
  const reader = planned.find(({ plan }) => plan.readsWeights);
  const holder = claimed.get("base");
  if (reader === undefined || holder === undefined) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${reader.param}\` is computed from the base's weights as they are, but \`${holder}\` holds them in another form; train one without the other.`,
    { param: reader.param },
  );
}

function allChecks(parts: readonly Pick<MethodPlan, "checkSteps">[]): CheckSteps {
  return (totalSteps) => {
    for (const { checkSteps } of parts) checkSteps?.(totalSteps);
  };
}

function allAfter(steps: readonly AfterStep[]): AfterStep {
  return {
    memory: new Map(steps.flatMap(({ memory }) => [...memory])),
    checkSteps: allChecks(steps),
    apply: (moment) => new Map(steps.flatMap(({ apply }) => [...apply(moment)])),
  };
}
