import type {
  Constitution,
  ConstitutionVersion,
  CreateConstitution,
  InlineConstitution,
  UpdateConstitution,
} from "../../../shared/api/constitutions.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import {
  addConstitution,
  addConstitutionVersion,
  CONSTITUTION_TABLES,
  type ConstitutionRow,
  copiedConstitution,
  dropConstitution,
  requireConstitution,
  requireConstitutionReference,
  requireConstitutionVersion,
  shownConstitution,
  shownConstitutionVersion,
  storedContent,
} from "./constitution-rows.ts";
import { tenantModule } from "./context.ts";

/** Principles under names, in versions that never change. A job keeps a copy of the version that it names. */
export const constitutions = tenantModule({
  schema: CONSTITUTION_TABLES,

  open: ({ db, now, requireCreated }) => ({
    calls: {
      create(request: CreateConstitution, key: Idempotency | null): Constitution {
        requireCreated();
        return db.transaction(() => {
          const { name, description = null } = request;
          const row = addConstitution(db, { name, content: storedContent(request), description }, now());
          const shown = shownConstitution(db, row);
          settleCreation(db, key, shown);
          return shown;
        });
      },

      list(page: Page): ListOf<Constitution> {
        return pageOf(db, { table: "constitutions" }, page, (row: ConstitutionRow) => shownConstitution(db, row));
      },

      /** A constitution in its newest version, or, for `kindness@3`, that version. */
      get(reference: string): Constitution | ConstitutionVersion {
        if (!reference.includes("@")) return shownConstitution(db, requireConstitution(db, reference));
        return shownConstitutionVersion(requireConstitutionReference(db, reference, "constitution"));
      },

      /**
       * Gives a constitution a new version. The same content and description again change nothing.
       *
       * @throws TrimtabError conflict where the newest version is not `if_version`.
       */
      update(id: string, request: UpdateConstitution): Constitution {
        return db.transaction(() => {
          const row = requireConstitution(db, id);
          if (request.if_version !== undefined && request.if_version !== row.version) {
            const message = `The constitution ${id} is at version ${row.version}, not ${request.if_version}: it was updated meanwhile.`;
            throw new TrimtabError("conflict", message, { param: "if_version" });
          }
          const current = requireConstitutionVersion(db, row);
          const content = storedContent(request);
          const description = request.description ?? current.description;
          if (content === current.content && description === current.description) return shownConstitution(db, row);
          return shownConstitution(db, addConstitutionVersion(db, { constitution: id, content, description }, now()));
        });
      },

      /** Newest first. */
      versions(id: string, page: Page): ListOf<ConstitutionVersion> {
        requireConstitution(db, id);
        const source = { table: "constitution_versions", where: "constitution = ?", values: [id] };
        return pageOf(db, source, page, shownConstitutionVersion);
      },

      /** What a job that names it keeps. @throws TrimtabError not_found, naming `param` */
      copy: (reference: string, param: string): InlineConstitution =>
        copiedConstitution(requireConstitutionReference(db, reference, param)),

      /** Jobs that use it have a copy. */
      delete(id: string): Deleted {
        return db.transaction(() => {
          dropConstitution(db, id);
          return { id, object: "constitution", deleted: true };
        });
      },
    },
  }),
});
