import { classifier } from "./classifier.ts";
import { contrastive } from "./contrastive.ts";
import { experts } from "./experts.ts";
import { gradient } from "./gradient.ts";
import { guidance } from "./guidance.ts";
import { layers } from "./layers.ts";
import type { SteeringPart } from "./part.ts";

/**
 * Every part of the `steering` object that has a processor of its own, in the order of application: a part works on the
 * distribution that those before it left. They run before every processor of the sampling fields.
 *
 * First comes what asks the model more clearly (its own layers, then its prompt), so that the rest works on its best answer;
 * then what other models think of it (experts, then an amateur, whose plausible tokens are those of all that came before); last
 * what judges the text, since a classifier may look ahead over the likeliest tokens only, and they must be the ones that are meant.
 * The gradient stands before the classifier for that reason, and because it takes several turns for a token, in which what
 * follows it does not run.
 */
export const STEERING = { layers, guidance, experts, contrastive, gradient, classifier } as const;

export type SteeringName = keyof typeof STEERING;
export type AskedOf<N extends SteeringName> =
  (typeof STEERING)[N] extends SteeringPart<infer Asked, infer _> ? Asked : never;

/** What is asked of each part. */
export type SteeringParts = { readonly [N in SteeringName]?: AskedOf<N> | undefined };

export const STEERING_NAMES = Object.keys(STEERING) as SteeringName[];

/** The part with this name takes what is asked of it, which the compiler cannot infer through the index. */
export function partNamed(name: SteeringName): SteeringPart<unknown, unknown> {
  return STEERING[name] as SteeringPart<unknown, unknown>;
}
