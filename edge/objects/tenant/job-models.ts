import type { StoredFile } from "../../../shared/api/artefacts.ts";
import type { EditSettings } from "../../../shared/api/edit-settings.ts";
import { type NamedModel, settingsOf } from "../../../shared/api/methods.ts";
import type { JobMethod } from "../../../shared/api/pipelines.ts";
import { MANIFEST_FILE, type Manifest } from "../../../shared/delta/manifest.ts";
import { SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { EDIT_FILE } from "../../../shared/edits/edit-file.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { Database } from "../database.ts";
import { aliasTarget } from "./alias-rows.ts";
import { type ArtefactRow, findModel, folderOf, type StackedDelta } from "./artefact-rows.ts";
import type { JobBase } from "./job-base.ts";
import { findDelta } from "./resolve.ts";

/** A delta that a job uses without training it, such as a reward model, as it was when the job was created. */
export interface JobModel extends StoredFolder {
  /** The name that the settings gave. */
  readonly name: string;
  /** The id of the artefact. */
  readonly artefact: string;
}

const NEEDS: Readonly<Record<NonNullable<NamedModel["scorer"]>, { readonly what: string; readonly make: string }>> = {
  reward: { what: "reward model", make: "Train one with a job of type reward_model." },
  classifier: { what: "classifier", make: "Train one with a job of type classifier." },
};

const ANY_DELTA = { what: "delta", make: "Name one of your deltas, or a model whose result is a delta." };

/**
 * The deltas that a job's settings name; each once.
 *
 * @throws TrimtabError model_not_found for an unknown name; invalid_request for a model that lacks the scorer; invalid_delta for one
 *   of another base. All name the field.
 */
export function jobModels(
  db: Database,
  named: readonly NamedModel[],
  base: Pick<JobBase, "id" | "digest">,
): JobModel[] {
  const found = new Map<string, JobModel>();
  for (const one of named) {
    const row = requireNamed(db, one);
    requireScorer(row, one);
    if (row.base_digest !== base.digest) {
      const of = row.base_id === base.id ? "another version of it, which was deleted" : row.base_id;
      const does = one.scorer === undefined ? "is made for" : "judges texts of";
      const message = `\`${one.param}\` names ${one.name}, which ${does} ${of}, not ${one.scorer === undefined ? "for" : "of"} ${base.id}. Train one on ${base.id}.`;
      throw new TrimtabError("invalid_delta", message, { param: one.param });
    }
    found.set(one.name, { ...folderOf(row), name: one.name, artefact: row.id });
  }
  return [...found.values()];
}

function requireNamed(db: Database, { name, param, scorer }: NamedModel): ArtefactRow {
  const row = findDelta(db, name);
  if (row !== undefined) return row;
  const { what, make } = scorer === undefined ? ANY_DELTA : NEEDS[scorer];
  if (findModel(db, aliasTarget(db, name) ?? name) !== undefined) {
    const message = `\`${param}\` must name a ${what}, but ${name} is a full fine-tune. ${make}`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  throw new TrimtabError(
    "model_not_found",
    `\`${param}\` names ${JSON.stringify(name)}, which does not exist. ${make}`,
    {
      param,
    },
  );
}

function requireScorer({ manifest }: ArtefactRow, { name, param, scorer }: NamedModel): void {
  if (scorer === undefined) return;
  const labels = manifest === null ? undefined : (JSON.parse(manifest) as Manifest).scorer?.labels.length;
  if (labels !== undefined && (labels === 1) === (scorer === "reward")) return;
  const { what, make } = NEEDS[scorer];
  const kind = labels === undefined ? "has no scoring head" : labels === 1 ? "is a reward model" : "is a classifier";
  throw new TrimtabError("invalid_request", `\`${param}\` must name a ${what}, but ${name} ${kind}. ${make}`, {
    param,
  });
}

/** The deltas that the result of a job stands on: those on which an edit was solved. */
export function stackOfJob(spec: {
  readonly method: JobMethod;
  readonly models?: readonly JobModel[];
}): readonly StackedDelta[] {
  if (spec.method.type !== "edit") return [];
  const { on } = settingsOf(spec.method) as unknown as EditSettings;
  const weights = new Map<string, number>();
  for (const { id, weight } of on) {
    const artefact = spec.models?.find(({ name }) => name === id)?.artefact;
    if (artefact !== undefined) weights.set(artefact, (weights.get(artefact) ?? 0) + weight);
  }
  return [...weights].map(([artefact, weight]) => ({ artefact, weight }));
}

const NEEDED_FILES: readonly string[] = [MANIFEST_FILE, SERVING_FILE, EDIT_FILE];

/** The files that a trainer needs. */
export function modelFiles({ files }: JobModel): readonly StoredFile[] {
  return files.filter(({ name }) => NEEDED_FILES.includes(name));
}
