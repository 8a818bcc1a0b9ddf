import type { BaseModel, CreateBase } from "../../../shared/api/admin.ts";
import { folderDigest, type StoredFile } from "../../../shared/api/artefacts.ts";
import type { Model } from "../../../shared/api/models.ts";
import { UploadedFolder } from "../../blobs/uploaded-folder.ts";
import { heapLimitBytes } from "../../env.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { objectModule } from "../module.ts";
import {
  announceBase,
  announcedFile,
  basePrefix,
  dropBase,
  finishBase,
  listBases,
  noteUpload,
  type ReadyBase,
  readyBase,
  requireBaseModel,
  sweepPendingBases,
} from "./base-rows.ts";
import { checkBase } from "./check-base.ts";

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

        /** Checks an uploaded base and opens it to everybody. Keeps nothing of one that is not sound. */
        async publish(id: string): Promise<BaseModel> {
          const model = requireBaseModel(db, id);
          if (model.status === "ready") return model;
          const { digest } = model;
          const folder = new UploadedFolder(context.env.BLOBS, basePrefix(id, digest), "invalid_model");
          const files = model.files.map(({ uploaded: _, ...file }) => file);
          let config: unknown;
          try {
            await folder.verify(files);
            config = await checkBase({ files, folder, heapLimitBytes: heapLimitBytes(context.env) });
          } catch (error) {
            // Another announcement may have replaced this one during the checks.
            if (requireBaseModel(db, id).digest === digest) db.transaction(() => dropBase(db, id, now()));
            await rearm();
            throw error;
          }
          return db.transaction(() => finishBase(db, id, { digest, config }, now()));
        },

        get: (id: string): BaseModel => requireBaseModel(db, id),

        /** A base that can be used; null for any other. */
        ready: (id: string): ReadyBase | null => readyBase(db, id) ?? null,

        list: (): Model[] => listBases(db),
      },
      // It follows the blobs' sweep, which says when there is something to do.
      duty: { run: () => sweepPendingBases(db, now()), next: () => null },
    };
  },
});
