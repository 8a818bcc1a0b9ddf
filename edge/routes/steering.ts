import type { Context } from "hono";
import type { SteeringField, SteeringObject } from "../../shared/api/steering.ts";
import type { SteeringTrace } from "../../shared/decode/events.ts";
import type { Reference } from "../../shared/decode/steering/part.ts";
import { partNamed, STEERING_NAMES, type SteeringParts } from "../../shared/decode/steering/registry.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { RequestedDelta } from "../objects/tenant/resolve.ts";
import type { ResolvedModel, ResolvedSteering } from "../serving/protocol.ts";
import type { AppEnv } from "./app-env.ts";
import type { GenerationRequest } from "./generation.ts";

/** What a steering object asks of the parts that have processors; those that change nothing are left out, and run no rows. */
export function activeParts(steering: SteeringObject): SteeringParts {
  const active = STEERING_NAMES.filter((name) => {
    const asked = steering[name];
    return asked !== undefined && !partNamed(name).isNeutral(asked);
  });
  return Object.fromEntries(active.map((name) => [name, steering[name]]));
}

/** Vectors that steer every position: deltas of the request's own model, each with its strength as the weight. */
export function vectorDeltas({ vectors = [] }: SteeringObject): RequestedDelta[] {
  return vectors.flatMap(({ id, strength, condition = false }) => (condition ? [] : [{ id, weight: strength }]));
}

/** Resolves the names in a steering object beside the model of its request. Throws as the tenant's `references` call does. */
export async function resolveSteering(
  c: Context<AppEnv>,
  steering: SteeringObject,
  { base }: ResolvedModel,
): Promise<ResolvedSteering> {
  const parts = activeParts(steering);
  const references = STEERING_NAMES.flatMap((name): readonly Reference[] => {
    const asked = parts[name];
    return asked === undefined ? [] : (partNamed(name).references?.(asked) ?? []);
  });
  const models = references.length === 0 ? {} : await c.var.caller.object.models.references(base, references);
  return { parts, models, conditional: [] };
}

interface SteeringFields {
  readonly steering?: SteeringField | undefined;
  readonly trace?: boolean | undefined;
}

/** The steering fields of a request, as a generation takes them. */
export function steeringOf({
  steering,
  trace = false,
}: SteeringFields): Pick<GenerationRequest, "steering" | "traced"> {
  return { steering, ...(trace ? { traced: LIMITS.traceAlternatives } : {}) };
}

/** The steering that a reply repeats; nothing where there was none. */
export function echo(steering: SteeringObject | undefined): { readonly steering?: SteeringObject } {
  return steering === undefined ? {} : { steering };
}

export function tracesOf(traces: readonly SteeringTrace[] | null) {
  if (traces === null) return {};
  const steering_trace = traces.map(({ top, parts, ...token }) => ({ ...token, top: [...top], parts: { ...parts } }));
  return { steering_trace };
}
