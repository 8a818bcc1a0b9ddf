/**
 * Gates, which learn how much of what a method adds is taken: in place of a parameter P that it adds in proportion to, the
 * method sees σ(g)·P. A gate is a constant of the trained model and not a function of the text, so that it folds into the
 * values when they are published and the method itself knows nothing of it: see infra/adr/gates-without-lookahead.md.
 */
import { TrimtabError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { f32, type Tensor, zeros } from "../tensor.ts";
import type { AttachedMethod, Gate, MethodPlan, Parameter, PlanOptions, RewriteContext } from "./method.ts";
import { publishedNumbers } from "./plan.ts";
import { type AnySettings, peftMethod } from "./registry.ts";

/** The gates that a method's settings ask for with `use_gating`; none where they do not. Throws as `plan` does. */
export function gatesOf(options: PlanOptions<AnySettings>): readonly Gate[] {
  const { settings, param } = options;
  if (!("use_gating" in settings) || settings.use_gating !== true) return [];
  const { gates } = peftMethod<AnySettings>(settings);
  if (gates !== undefined) return gates(options);
  throw new TrimtabError("internal_error", `\`${param}.use_gating\` is set for ${settings.type}, which has no gates`);
}

/** The plan of a method with its gates, which are trained and not published. */
export function planGated(plan: MethodPlan, gates: readonly Gate[]): MethodPlan {
  if (gates.length === 0) return plan;
  const published = publishedNumbers(plan);
  return { ...plan, parameters: [...plan.parameters, ...gateParameters(gates)], published };
}

/** A method with its gates, which start half open: σ(0) = ½. */
export function attachGated(method: AttachedMethod, gates: readonly Gate[]): AttachedMethod {
  if (gates.length === 0) return method;
  const own = gateParameters(gates);
  const { rewrite, penalty } = method;
  return {
    ...method,
    parameters: [...method.parameters, ...own],
    initial: new Map([...method.initial, ...own.map(({ name, shape }) => [name, zeros(shape)] as const)]),
    ...(rewrite === undefined ? {} : { rewrite: (context) => rewrite(behindGates(context, gates)) }),
    ...(penalty === undefined ? {} : { penalty: (context) => penalty(behindGates(context, gates)) }),
  };
}

/** The values that the method would have to have without gates to compute the same; the gates are not among them. */
export function foldGates(
  values: ReadonlyMap<string, Tensor<"f32">>,
  gates: readonly Gate[],
): ReadonlyMap<string, Tensor<"f32">> {
  const folded = new Map(values);
  for (const gate of gates) {
    const openings = Array.from(values.get(gateName(gate))!.data, (g) => 1 / (1 + Math.exp(-g)));
    folded.delete(gateName(gate));
    for (const name of gate.parameters) {
      const { shape, data } = values.get(name)!;
      const width = shape.at(-1)!;
      const each = width / gate.parts;
      const scaled = data.map((value, at) => value * openings[Math.floor((at % width) / each)]!);
      folded.set(name, f32(shape, scaled));
    }
  }
  return folded;
}

/**
 * The values of a method with gates that computes what these values do without: the gates are half open, as they begin, and
 * what they multiply is twice as large. `foldGates` undoes it exactly.
 */
export function unfoldGates(
  values: ReadonlyMap<string, Tensor<"f32">>,
  gates: readonly Gate[],
): ReadonlyMap<string, Tensor<"f32">> {
  const unfolded = new Map(values);
  for (const { name, shape } of gateParameters(gates)) unfolded.set(name, zeros(shape));
  for (const name of new Set(gates.flatMap(({ parameters }) => parameters))) {
    const { shape, data } = values.get(name)!;
    unfolded.set(
      name,
      f32(
        shape,
        data.map((value) => 2 * value),
      ),
    );
  }
  return unfolded;
}

const gateName = ({ name }: Gate) => `${name}.gate`;

/** One number for each part; decay would pull a gate to half open. */
function gateParameters(gates: readonly Gate[]): Parameter[] {
  return gates.map((gate) => ({ name: gateName(gate), shape: [gate.parts], decay: false }));
}

function behindGates(context: RewriteContext, gates: readonly Gate[]): RewriteContext {
  const { b, parameter } = context;
  const gateOf = new Map(gates.flatMap((gate) => gate.parameters.map((name) => [name, gate] as const)));
  const made = new Map<string, Value>();
  return {
    ...context,
    parameter: (name) => {
      const gate = gateOf.get(name);
      if (gate === undefined) return parameter(name);
      const value = made.get(name) ?? gated(b, parameter(name), { parts: gate.parts, gate: parameter(gateName(gate)) });
      made.set(name, value);
      return value;
    },
  };
}

/** Every part of the last axis of `x` times the opening of its gate. */
function gated(b: GraphBuilder, x: Value, { parts, gate }: { parts: number; gate: Value }): Value {
  const opening = b.sigmoid(gate);
  if (parts === 1) return b.mul(x, opening);
  const shape = x.shape as readonly number[];
  const split = [...shape.slice(0, -1), parts, shape.at(-1)! / parts];
  return b.reshape(b.mul(b.reshape(x, split), b.reshape(opening, [parts, 1])), shape);
}
