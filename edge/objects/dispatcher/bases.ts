import type { BaseModel, CreateBase } from "../../../shared/api/admin.ts";
import { folderDigest, type StoredFile } from "../../../shared/api/artefacts.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import type { Model } from "../../../shared/api/models.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { UploadedFolder } from "../../blobs/uploaded-folder.ts";
import { heapLimitBytes } from "../../env.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { objectModule } from "../module.ts";
import {
  announceBase,
  announcedFile,
  baseModels,
  basePrefix,
  deleteBase,
  dropBase,
  finishBase,
  listBases,
  noteUpload,
  type ReadyBase,
  readyBase,
  readyDigests,
  requireBaseModel,
  sweepPendingBases,
} from "./base-rows.ts";
import { checkBase, checkSmall, type UploadedBase } from "./check-base.ts";

/** The base models that all tenants share. */
export const bases = objectModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS bases (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, digest TEXT NOT NULL, files TEXT NOT NULL,
      config TEXT, created_at INTEGER NOT NULL)`,
    "CREATE TABLE IF NOT EXISTS base_uploads (base TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (base, name))",
  ],
  open(context) {
    const { db, now, rearm } = context;

    /** Checks uploaded files. Keeps nothing of an unsound base. */
    async function keepIfSound<T>(
      { id, digest }: BaseModel,
      listed: BaseModel["files"],
      check: (base: UploadedBase) => Promise<T>,
    ): Promise<T> {
      const folder = new UploadedFolder(context.env.BLOBS, basePrefix(id, digest), "invalid_model");
      const files = listed.map(({ uploaded: _, ...file }) => file);
      try {
        await folder.verify(files);
        return await check({ files, folder, heapLimitBytes: heapLimitBytes(context.env) });
      } catch (error) {
        // Another announcement may have replaced this one during the checks.
        if (requireBaseModel(db, id).digest === digest) db.transaction(() => dropBase(db, id, now()));
        await rearm();
        throw error;
      }
    }

    return {
      calls: {
        async announce(base: CreateBase, key: Idempotency | null): Promise<BaseModel> {
          const digest = await folderDigest(base.files);
          const model = db.transaction(() => {
            const announced = announceBase(db, { ...base, digest }, now());
            settleCreation(db, key, announced);
            return announced;
          });
          await rearm();
          return model;
        },

        file: (id: string, name: string): StoredFile & { key: string; ready: boolean } => announcedFile(db, id, name),

        noteUpload(id: string, name: string): BaseModel {
          noteUpload(db, id, name);
          return requireBaseModel(db, id);
        },

        /** Checks all files but the weights, which need not be uploaded yet. */
        async check(id: string): Promise<BaseModel> {
          const model = requireBaseModel(db, id);
          if (model.status === "ready") return model;
          const small = model.files.filter(({ name }) => !name.endsWith(".safetensors"));
          requireUploaded(small);
          const { notes } = await keepIfSound(model, small, checkSmall);
          return { ...requireBaseModel(db, id), notes: [...notes] };
        },

        /** Checks an uploaded base and opens it to all tenants. Keeps nothing of an unsound one. */
        async publish(id: string): Promise<BaseModel> {
          const model = requireBaseModel(db, id);
          if (model.status === "ready") return model;
          const { json: config, notes } = await keepIfSound(model, model.files, checkBase);
          const ready = db.transaction(() => finishBase(db, id, { digest: model.digest, config }, now()));
          return { ...ready, notes: [...notes] };
        },

        /** Deletes a base. Throws `conflict` while jobs train on it. */
        async delete(id: string): Promise<Deleted> {
          db.transaction(() => deleteBase(db, id, now()));
          await rearm();
          return { id, object: "base_model", deleted: true };
        },

        listAll: (page: Page): ListOf<BaseModel> => baseModels(db, page),

        get: (id: string): BaseModel => requireBaseModel(db, id),

        /** A base that can be used; null for any other. */
        ready: (id: string): ReadyBase | null => readyBase(db, id) ?? null,

        list: (): Model[] => listBases(db),

        digests: (): Record<string, string> => readyDigests(db),
      },
      // Follows the blob sweep, which decides when it is due.
      duty: { run: () => sweepPendingBases(db, now()), next: () => null },
    };
  },
});

function requireUploaded(files: BaseModel["files"]): void {
  const missing = files.filter(({ uploaded }) => !uploaded).map(({ name }) => name);
  if (missing.length === 0) return;
  throw new TrimtabError(
    "invalid_request",
    `These files were not uploaded yet: ${missing.join(", ")}. Upload everything but the weights, then check again.`,
  );
}
