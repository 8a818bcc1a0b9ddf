import type { Tensor } from "../tensor.ts";
import type { AfterStep, AttachedMethod, RewriteContext } from "./method.ts";

/**
 * The same method with `prefix` before all its own names. The names of the base's weights, for which `isOfBase` is true, are
 * unchanged.
 */
export function renamed(
  method: AttachedMethod,
  { prefix, isOfBase }: { readonly prefix: string; readonly isOfBase: (name: string) => boolean },
): AttachedMethod {
  if (prefix === "") return method;
  const rename = (name: string) => (isOfBase(name) ? name : `${prefix}${name}`);
  const inner = (context: RewriteContext): RewriteContext => ({
    ...context,
    parameter: (name) => context.parameter(rename(name)),
    random: (name) => context.random(rename(name)),
  });
  const { rewrite, penalty, afterStep, frozen } = method;
  return {
    ...method,
    parameters: method.parameters.map((parameter) => ({ ...parameter, name: rename(parameter.name) })),
    initial: renamedKeys(method.initial, prefix),
    ...(frozen === undefined
      ? {}
      : { frozen: new Map([...frozen].map(([name, value]) => [rename(name), value] as const)) }),
    randomInputs: (shape) => method.randomInputs(shape).map((input) => ({ ...input, name: rename(input.name) })),
    ...(rewrite === undefined ? {} : { rewrite: (context) => rewrite(inner(context)) }),
    ...(penalty === undefined ? {} : { penalty: (context) => penalty(inner(context)) }),
    ...(afterStep === undefined ? {} : { afterStep: renamedAfter(afterStep, prefix) }),
  };
}

/** The entries whose names start with `prefix`, with the prefix removed. */
export function withPrefix<T>(entries: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const found = [...entries].filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

function renamedKeys<T>(entries: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  return new Map([...entries].map(([name, value]) => [`${prefix}${name}`, value]));
}

function renamedAfter({ memory, apply, checkSteps }: AfterStep, prefix: string): AfterStep {
  const inner = (values: ReadonlyMap<string, Tensor<"f32">>) => withPrefix(values, prefix);
  return {
    memory: renamedKeys(memory, prefix),
    ...(checkSteps === undefined ? {} : { checkSteps }),
    apply: (moment) => {
      const { values, gradients, before } = moment;
      const own = { values: inner(values), gradients: inner(gradients), before: inner(before) };
      return renamedKeys(apply({ ...moment, ...own }), prefix);
    },
  };
}
