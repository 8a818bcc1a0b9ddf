import { SteeringObject } from "../../../shared/api/steering.ts";
import type { PlacedName } from "../../../shared/api/steering-names.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { wordIssue } from "../../../shared/issue-words.ts";
import type { Database } from "../database.ts";
import { aliasSteering } from "./alias-rows.ts";
import { type PresetVersionRow, requireReference } from "./preset-rows.ts";
import { type NamedIn, requireOwnNames } from "./steering-names.ts";

/** What steers a request. */
export interface ResolvedSteering {
  readonly steering: SteeringObject;
  /** The preset that it comes from; null where the request brought the object itself. */
  readonly from: { readonly preset: string; readonly version: number } | null;
  /**
   * Names in it that are none of the tenant's and so have to be bases. The caller, which may wait, checks them with
   * `requireBases` and `named`.
   */
  readonly bases: readonly PlacedName[];
  /** How an error about a name in it speaks of it. */
  readonly named: NamedIn;
}

/**
 * Finds what steers a request: its own object; the preset that it names; or else that of the alias that it names as its model.
 * An empty object is an object: it turns an alias's preset off. It does not wait, so that a caller which also resolves the alias
 * in the same turn gets the model and the preset of one version.
 *
 * @param alias the request's `model`, which may be an alias or not
 * @returns null where nothing steers it
 * @throws TrimtabError not_found for an unknown preset or scorer, model_not_found for a name in it that is gone,
 *   invalid_request for a preset that was stored in a form that is no longer understood
 */
export function resolveSteering(
  db: Database,
  asked: string | SteeringObject | undefined,
  alias: string | undefined,
): ResolvedSteering | null {
  if (typeof asked === "object") return whole(db, asked, null, { param: "steering" });
  if (asked !== undefined) return ofPreset(db, requireReference(db, asked, "steering"), { param: "steering" });
  const reference = alias === undefined ? undefined : aliasSteering(db, alias);
  if (reference === undefined) return null;
  return ofPreset(db, requireReference(db, reference, "model"), {
    param: "model",
    of: `, which steers the alias ${alias},`,
  });
}

function ofPreset(
  db: Database,
  { id, preset, version, steering: json }: PresetVersionRow,
  { param, of = "" }: { param: string; of?: string },
): ResolvedSteering {
  const value: unknown = JSON.parse(json);
  const parsed = SteeringObject.safeParse(value);
  const holder = `The steering preset ${id}${of}`;
  if (!parsed.success) {
    const { field, problem } = wordIssue(parsed.error, value);
    const message = `${holder} is from before a change of this server: \`${field}\` ${problem}. Update the preset.`;
    throw new TrimtabError("invalid_request", message, { param, cause: parsed.error });
  }
  return whole(db, parsed.data, { preset, version }, { param, holder });
}

function whole(
  db: Database,
  steering: SteeringObject,
  from: ResolvedSteering["from"],
  named: NamedIn,
): ResolvedSteering {
  return { steering, from, bases: requireOwnNames(db, steering, named), named };
}
