import { guidance } from "./guidance.ts";
import type { SteeringPart } from "./part.ts";

/**
 * Every part of the `steering` object that has a processor of its own, in the order of application: a part works on the
 * distribution that those before it left. They run before every processor of the sampling fields.
 */
export const STEERING = { guidance } as const;

export type SteeringName = keyof typeof STEERING;
export type AskedOf<N extends SteeringName> =
  (typeof STEERING)[N] extends SteeringPart<infer Asked, infer _> ? Asked : never;

/** What is asked of each part. */
export type SteeringParts = { readonly [N in SteeringName]?: AskedOf<N> };

export const STEERING_NAMES = Object.keys(STEERING) as SteeringName[];

/** The part with this name takes what is asked of it, which the compiler cannot infer through the index. */
export function partNamed(name: SteeringName): SteeringPart<unknown, unknown> {
  return STEERING[name] as SteeringPart<unknown, unknown>;
}
