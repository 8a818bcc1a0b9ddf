/**
 * The names that a steering object uses: of models, of deltas, and of scorers. They are found by where they stand, so that
 * whoever stores a steering object can check them without knowing what each part does with them.
 */
import { partNamed, STEERING_NAMES } from "../decode/steering/registry.ts";
import { formatPath } from "../issue-words.ts";
import type { SteeringObject } from "./steering.ts";

export interface PlacedName {
  /** `experts[0].id` */
  readonly path: string;
  readonly name: string;
  /** `model`: a base, or a model, delta or alias of the tenant's. `scorer`: one that the tenant registered. */
  readonly of: "model" | "scorer";
}

/** Where names stand in parts without references of their own. `*` is any index of a list; a part that is absent, or no text, has no name. */
const PLACES: readonly (readonly [of: PlacedName["of"], ...path: readonly string[]])[] = [
  ["model", "vectors", "*", "id"],
  ["model", "search", "by", "reward"],
  ["model", "search", "by", "classifier"],
  ["scorer", "rules", "scorer"],
  ["scorer", "rules", "scorer", "name"],
  ["scorer", "search", "by", "scorer"],
];

/** By part; a name that stands twice is there twice. `base` is no name: it means the base of whatever model is asked. */
export function namesIn(steering: SteeringObject): PlacedName[] {
  const ofParts = STEERING_NAMES.flatMap((part) => {
    const asked = steering[part];
    const references = asked === undefined ? [] : (partNamed(part).references?.(asked) ?? []);
    return references.map(({ at, id }): PlacedName => ({ path: at, name: id, of: "model" }));
  });
  const others = PLACES.flatMap(([of, ...path]) =>
    textsAt(steering, path, []).map(({ at, text }) => ({
      path: formatPath(of === "scorer" ? sent(at) : at),
      name: text,
      of,
    })),
  );
  return [...ofParts, ...others];
}

/** A scorer's name alone is asked as an object too: the field that holds it is there in either form. */
function sent(at: readonly PropertyKey[]): readonly PropertyKey[] {
  return at.at(-1) === "name" ? at.slice(0, -1) : at;
}

function textsAt(
  value: unknown,
  path: readonly string[],
  at: readonly PropertyKey[],
): { at: readonly PropertyKey[]; text: string }[] {
  const [step, ...rest] = path;
  if (step === undefined) return typeof value === "string" ? [{ at, text: value }] : [];
  if (step === "*") {
    return Array.isArray(value) ? value.flatMap((item, index) => textsAt(item, rest, [...at, index])) : [];
  }
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return [];
  return textsAt((value as Readonly<Record<string, unknown>>)[step], rest, [...at, step]);
}
