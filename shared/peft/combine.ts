import { TrimtabError } from "../errors.ts";
import { combineRewrites } from "../model/rewrite.ts";
import { elementCount, type Tensor } from "../tensor.ts";
import type {
  AfterStep,
  AttachedMethod,
  AttachOptions,
  MethodPlan,
  Parameter,
  PlanOptions,
  PublishedPart,
  PublishOptions,
  RewriteContext,
  ServingFootprint,
} from "./method.ts";
import { type AnySettings, peftMethod } from "./registry.ts";
import { requireRoom } from "./virtual-tokens.ts";

/**
 * Several methods on one model as one: each trains its own parameters, and what they add to the model adds up. A single
 * method is what it is alone, and keeps the names of its parameters; those of a list are told apart by their place in it.
 *
 * Throws `invalid_request`, with the method's place as `param`, where two cannot go together.
 */
export function attachMethods({ settings, ...options }: AttachOptions<readonly AnySettings[]>): AttachedMethod {
  requireCompatible(settings, options.param);
  const parts = settings.map((one, index) =>
    peftMethod(one).attach({ ...options, settings: one, param: placeOf(options.param, settings, index) }),
  );
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  requireOneEach(parts, options.param);
  const positions = parts.map(({ virtualTokens = 0, prefixTokens = 0 }) => virtualTokens + prefixTokens);
  requireRoom(options.config, sum(positions), options.param);
  const named = parts.map((part, index) => renamed(part, (name) => nameIn(settings, index, name)));
  const penalties = named.flatMap(({ penalty }) => penalty ?? []);
  const afterSteps = named.flatMap(({ afterStep }) => afterStep ?? []);
  return {
    parameters: named.flatMap(({ parameters }) => parameters),
    initial: new Map(named.flatMap(({ initial }) => [...initial])),
    startsAsBase: named.every(({ startsAsBase }) => startsAsBase),
    rewrite: (context) =>
      combineRewrites(
        context.b,
        // Virtual tokens come last, since they take the place of what others make of the placeholders' embeddings.
        named
          .toSorted((one, other) => (one.virtualTokens ?? 0) - (other.virtualTokens ?? 0))
          .flatMap(({ rewrite }) => rewrite?.(context) ?? []),
      ),
    randomInputs: (shape) => named.flatMap(({ randomInputs }) => randomInputs(shape)),
    frozen: new Map(named.flatMap(({ frozen }) => [...(frozen ?? [])])),
    replaced: new Set(named.flatMap(({ replaced }) => [...(replaced ?? [])])),
    virtualTokens: sum(named.map(({ virtualTokens = 0 }) => virtualTokens)),
    prefixTokens: sum(named.map(({ prefixTokens = 0 }) => prefixTokens)),
    ...(penalties.length === 0
      ? {}
      : {
          penalty: (context: RewriteContext) =>
            penalties.map((penalty) => penalty(context)).reduce((total, term) => context.b.add(total, term)),
        }),
    ...(afterSteps.length === 0 ? {} : { afterStep: allAfter(afterSteps) }),
  };
}

/** What all of them train and take together; names of parameters as `attachMethods` gives them. Throws as `plan` does. */
export function planMethods({ settings, config, param }: PlanOptions<readonly AnySettings[]>): MethodPlan {
  requireCompatible(settings, param);
  const plans = settings.map((one, index) =>
    peftMethod(one).plan({ config, settings: one, param: placeOf(param, settings, index) }),
  );
  const [only] = plans;
  if (plans.length === 1 && only !== undefined) return only;
  const total = (key: keyof ServingFootprint) => sum(plans.map(({ serving }) => serving[key]));
  requireRoom(config, total("positions"), param);
  const frozen = plans.flatMap(({ frozenBytes }) => frozenBytes ?? []);
  return {
    parameters: plans.flatMap(({ parameters }, index) =>
      parameters.map((parameter) => ({ ...parameter, name: nameIn(settings, index, parameter.name) })),
    ),
    serving: {
      rank: total("rank"),
      vectors: total("vectors"),
      columns: total("columns"),
      positions: total("positions"),
    },
    published: sum(plans.map(({ published, parameters }) => published ?? countOf(parameters))),
    ...(frozen.length === 0 ? {} : { frozenBytes: Math.min(...frozen) }),
  };
}

function countOf(parameters: readonly Parameter[]): number {
  return sum(parameters.map(({ shape }) => elementCount(shape)));
}

/** What each method of the list made of its part of the values. */
export async function publishMethods({
  settings,
  values,
  ...options
}: PublishOptions<readonly AnySettings[]>): Promise<PublishedPart[]> {
  const own = (index: number) => {
    if (settings.length === 1) return values;
    const start = nameIn(settings, index, "");
    const found = [...values].filter(([name]) => name.startsWith(start));
    return new Map(found.map(([name, value]) => [name.slice(start.length), value]));
  };
  return Promise.all(
    settings.map((one, index) => peftMethod(one).publish({ ...options, settings: one, values: own(index) })),
  );
}

/** Parameters of a single method keep their names. */
function nameIn(settings: readonly AnySettings[], index: number, name: string): string {
  return settings.length === 1 ? name : `${index}.${name}`;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

function placeOf(param: string, settings: readonly AnySettings[], index: number): string {
  return settings.length === 1 ? param : `${param}[${index}]`;
}

function requireCompatible(settings: readonly AnySettings[], param: string): void {
  const full = settings.findIndex(({ type }) => type === "full");
  if (settings.length === 1 || full < 0) return;
  throw new TrimtabError(
    "invalid_request",
    `\`${placeOf(param, settings, full)}\`: \`full\` trains every weight and leaves nothing to the other methods; send it alone.`,
    { param: placeOf(param, settings, full) },
  );
}

/** Of what a row of text begins with, and of forms of the base, there can be one each. */
function requireOneEach(parts: readonly AttachedMethod[], param: string): void {
  const kinds: readonly (readonly [string, (part: AttachedMethod) => boolean])[] = [
    ["put virtual tokens before the text", ({ virtualTokens = 0 }) => virtualTokens > 0],
    ["put a prefix before the text", ({ prefixTokens = 0 }) => prefixTokens > 0],
    ["change the form of the frozen base", ({ frozen }) => frozen !== undefined],
  ];
  for (const [what, applies] of kinds) {
    const places = parts.flatMap((part, index) => (applies(part) ? [index] : []));
    if (places.length < 2) continue;
    const [first, second] = places.map((index) => `\`${param}[${index}]\``);
    throw new TrimtabError("invalid_request", `${first} and ${second} both ${what}; a list can have one such method.`, {
      param: `${param}[${places[1]}]`,
    });
  }
}

/** The same part under other names. Frozen tensors keep theirs: only one part of a list has any. */
function renamed(part: AttachedMethod, rename: (name: string) => string): AttachedMethod {
  const own = new Set(part.parameters.map(({ name }) => name));
  const inner = (context: RewriteContext): RewriteContext => ({
    ...context,
    parameter: (name) => context.parameter(own.has(name) ? rename(name) : name),
    random: (name) => context.random(rename(name)),
  });
  const keys = <T>(map: ReadonlyMap<string, T>) => new Map([...map].map(([name, value]) => [rename(name), value]));
  const { rewrite, penalty, afterStep } = part;
  return {
    ...part,
    parameters: part.parameters.map((parameter) => ({ ...parameter, name: rename(parameter.name) })),
    initial: keys(part.initial),
    randomInputs: (shape) => part.randomInputs(shape).map((input) => ({ ...input, name: rename(input.name) })),
    ...(rewrite === undefined ? {} : { rewrite: (context) => rewrite(inner(context)) }),
    ...(penalty === undefined ? {} : { penalty: (context) => penalty(inner(context)) }),
    ...(afterStep === undefined ? {} : { afterStep: renamedAfter(afterStep, rename) }),
  };
}

function renamedAfter({ memory, apply, checkSteps }: AfterStep, rename: (name: string) => string): AfterStep {
  const start = rename("");
  const inner = (map: ReadonlyMap<string, Tensor<"f32">>) =>
    new Map([...map].flatMap(([name, value]) => (name.startsWith(start) ? [[name.slice(start.length), value]] : [])));
  const outer = (map: ReadonlyMap<string, Tensor<"f32">>) =>
    new Map([...map].map(([name, value]) => [rename(name), value]));
  return {
    memory: outer(memory),
    ...(checkSteps === undefined ? {} : { checkSteps }),
    apply: (moment) => outer(apply({ ...moment, values: inner(moment.values), gradients: inner(moment.gradients) })),
  };
}

function allAfter(steps: readonly AfterStep[]): AfterStep {
  return {
    memory: new Map(steps.flatMap(({ memory }) => [...memory])),
    checkSteps: (totalSteps) => {
      for (const { checkSteps } of steps) checkSteps?.(totalSteps);
    },
    apply: (moment) => new Map(steps.flatMap(({ apply }) => [...apply(moment)])),
  };
}
