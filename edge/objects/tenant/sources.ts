import { TrimtabError } from "../../../shared/errors.ts";
import type { BlobSource } from "../../blobs/blob-source.ts";
import type { Database } from "../database.ts";
import { resumeRow } from "./checkpoint-rows.ts";
import { requireFile } from "./files.ts";
import { modelFiles } from "./job-models.ts";
import { parentFiles } from "./job-parent.ts";
import { baseOf, filesOfSpec, type JobRow, specOf } from "./job-rows.ts";

/** Something that a trainer may read for the job it holds. */
export type SourceName =
  | { readonly kind: "base"; readonly name: string }
  | { readonly kind: "parent"; readonly name: string }
  /** `index` counts the models of the lease. */
  | { readonly kind: "model"; readonly index: number; readonly name: string }
  | { readonly kind: "file"; readonly id: string }
  | { readonly kind: "resume"; readonly step: number };

/**
 * @throws TrimtabError not_found for anything that the job does not use: a lease opens its own inputs only.
 */
export function sourceOf(db: Database, job: JobRow, source: SourceName): BlobSource {
  switch (source.kind) {
    case "base": {
      const base = baseOf(job);
      const file = base.files.find(({ name }) => name === source.name);
      if (file === undefined) throw new TrimtabError("not_found", `The base ${base.id} has no file ${source.name}.`);
      return { key: base.prefix + file.name, bytes: file.bytes, sha256: file.sha256 };
    }
    case "parent": {
      const { parent } = specOf(job);
      const file = parent && parentFiles(parent).find(({ name }) => name === source.name);
      if (parent === undefined || file === undefined) {
        throw new TrimtabError("not_found", `The job ${job.id} continues from no model with a file ${source.name}.`);
      }
      return { key: parent.prefix + file.name, bytes: file.bytes, sha256: file.sha256 };
    }
    case "model": {
      const model = specOf(job).models?.[source.index];
      const file = model && modelFiles(model).find(({ name }) => name === source.name);
      if (model === undefined || file === undefined) {
        throw new TrimtabError(
          "not_found",
          `The job ${job.id} uses no model ${source.index} with a file ${source.name}.`,
        );
      }
      return { key: model.prefix + file.name, bytes: file.bytes, sha256: file.sha256 };
    }
    case "file": {
      if (!filesOfSpec(specOf(job)).includes(source.id)) {
        throw new TrimtabError("not_found", `The job ${job.id} does not use the file ${source.id}.`);
      }
      const { blob, bytes, sha256 } = requireFile(db, source.id, "file_id");
      return { key: blob, bytes, sha256 };
    }
    case "resume": {
      const row = resumeRow(db, job.id);
      if (row?.step !== source.step) {
        throw new TrimtabError("not_found", `The job ${job.id} has no resume state of step ${source.step}.`);
      }
      return { key: row.blob, bytes: row.bytes, sha256: row.sha256 };
    }
  }
}
