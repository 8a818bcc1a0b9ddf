import type { SteeringField, SteeringObject } from "../../shared/api/steering.ts";
import type { SearchReport, SteeringTrace } from "../../shared/decode/events.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { FoundModel } from "../objects/tenant/models.ts";

interface SteeringFields {
  readonly steering?: SteeringField | undefined;
  readonly trace?: boolean | undefined;
}

/** The steering fields of a request, as a generation takes them. */
export function steeringOf({ steering, trace = false }: SteeringFields) {
  return { steering, ...(trace ? { traced: LIMITS.traceAlternatives } : {}) };
}

/** What a reply says of its steering. */
export interface SteeringEcho {
  readonly steering?: SteeringObject;
  /** `name@version` of the preset that it comes from. */
  readonly steering_preset?: string;
}

export function steeringEcho(steering: FoundModel["steering"]): SteeringEcho {
  if (steering === null) return {};
  const { asked, from } = steering;
  return { steering: asked, ...(from === null ? {} : { steering_preset: `${from.preset}@${from.version}` }) };
}

export function tracesOf(traces: readonly SteeringTrace[] | null) {
  if (traces === null) return {};
  const steering_trace = traces.map(({ top, changes, parts, ...token }) => {
    return { ...token, top: [...top], changes: [...changes], parts: { ...parts } };
  });
  return { steering_trace };
}

export function searchResult(search: SearchReport | undefined) {
  return search === undefined ? {} : { steering_search: { ...search, scores: [...search.scores] } };
}
