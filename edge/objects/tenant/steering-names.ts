/** Checks the names that a steering object uses: each must exist and be the tenant's, or a base's. */
import type { SteeringObject } from "../../../shared/api/steering.ts";
import { namesIn, type PlacedName } from "../../../shared/api/steering-names.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { Database } from "../database.ts";
import { aliasTarget } from "./alias-rows.ts";
import { findArtefact, findModel } from "./artefact-rows.ts";
import { findScorer } from "./scorer-rows.ts";

/** How an error speaks of the object that has the name. */
export interface NamedIn {
  /** The field to change. */
  readonly param: string;
  /** `The steering preset calm@3`; undefined for the request's own object, whose fields `param` can name. */
  readonly holder?: string;
}

/**
 * The names that are none of the tenant's and so have to be bases, which only the dispatcher knows: pass them to
 * `requireBases`.
 *
 * @throws TrimtabError model_not_found or not_found for a name that no base can have.
 */
export function requireOwnNames(db: Database, steering: SteeringObject, where: NamedIn): PlacedName[] {
  return namesIn(steering).filter((placed) => {
    const { name, of } = placed;
    if (of === "scorer") {
      if (findScorer(db, name) !== undefined) return false;
      throw missing(placed, where);
    }
    const own = aliasTarget(db, name) ?? name;
    if (findModel(db, own) !== undefined || findArtefact(db, own) !== undefined) return false;
    if (own.includes(":")) throw missing(placed, where);
    return true;
  });
}

/** @throws TrimtabError model_not_found for a name that is no base's. */
export async function requireBases(
  names: readonly PlacedName[],
  isBase: (name: string) => Promise<boolean>,
  where: NamedIn,
): Promise<void> {
  const known = new Map<string, boolean>();
  for (const placed of names) {
    if (!known.has(placed.name)) known.set(placed.name, await isBase(placed.name));
    if (known.get(placed.name) !== true) throw missing(placed, where);
  }
}

function missing({ path, name, of }: PlacedName, { param, holder }: NamedIn): TrimtabError {
  const where = holder === undefined ? "" : `${holder} names it at \`${path}\`. `;
  const details = { param: holder === undefined ? `${param}.${path}` : param };
  const quoted = JSON.stringify(name);
  return of === "scorer"
    ? new TrimtabError(
        "not_found",
        `There is no scorer ${quoted}. ${where}GET /v1/steering/scorers lists those there are.`,
        details,
      )
    : new TrimtabError(
        "model_not_found",
        `There is no model or delta ${quoted} that you can use. ${where}GET /v1/models and GET /v1/deltas list those there are.`,
        details,
      );
}
