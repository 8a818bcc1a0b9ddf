import { ARTEFACT_KINDS, type ArtefactKind } from "../../../shared/api/artefact-kinds/registry.ts";
import { fineTunedName } from "../../../shared/api/ids.ts";
import { contextFields, type Delta, type Model } from "../../../shared/api/models.ts";
import type { Result } from "../../../shared/api/trainer.ts";
import { dropReservation, reserveBlob } from "../blob-ledger.ts";
import type { Database } from "../database.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { artefactId, artefactPrefix, findModel, type Publication, publish } from "./artefact-rows.ts";
import { type StatusOf, tenantModule } from "./context.ts";
import { deltaOf, requireDelta } from "./deltas.ts";
import type { JobBase } from "./job-base.ts";
import { modelOf } from "./models.ts";
import { verifyStored } from "./verify-result.ts";

/** A folder that is about to be stored. */
export interface ArtefactFiles {
  readonly kind: ArtefactKind;
  readonly digest: string;
  readonly names: readonly string[];
}

export interface NewArtefact {
  readonly result: Result;
  readonly base: Pick<JobBase, "id" | "digest">;
  /** Part of the model name that serves the result. */
  readonly suffix: string | null;
  /** The files of an uploaded folder that were not read; the reply lists them. */
  readonly ignoredFiles?: readonly string[];
  /** Of the base, which a model's reply states. */
  readonly contextLength?: number;
}

/** The base of a result that has just been made is there. */
const IN_USE: StatusOf = () => "available";

/** A published result as the API shows it, by the `object` of its kind. */
const SHOWN: Readonly<
  Record<(typeof ARTEFACT_KINDS)[ArtefactKind]["object"], (db: Database, made: Publication) => Delta | Model>
> = {
  delta: (db, { result }) => deltaOf(db, requireDelta(db, artefactId(result), "delta_id"), IN_USE),
  model: (db, { name, tenant }) => modelOf(db, findModel(db, name)!, { tenant, statusOf: IN_USE }),
};

/** Published results of every kind, and the steps to publish one that no job made. */
export const artefacts = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS artefacts (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, digest TEXT NOT NULL,
      base_id TEXT NOT NULL, base_digest TEXT NOT NULL, prefix TEXT NOT NULL, files TEXT NOT NULL, bytes INTEGER NOT NULL,
      manifest TEXT, job TEXT, created_at INTEGER NOT NULL, UNIQUE (kind, digest))`,
  ],
  open(context) {
    const { db, now, rearm, tenant } = context;
    const keysOf = ({ kind, digest, names }: ArtefactFiles) => {
      const prefix = artefactPrefix(tenant().id, kind, digest);
      return { prefix, keys: names.map((name) => prefix + name) };
    };
    return {
      calls: {
        /**
         * First step: records that files are about to be stored. Returns the prefix of their keys. An artefact of the same
         * contents keeps its files.
         */
        async beginFiles(files: ArtefactFiles): Promise<string> {
          const { prefix, keys } = keysOf(files);
          db.transaction(() => {
            for (const key of keys) reserveBlob(db, key, now());
          });
          await rearm();
          return prefix;
        },

        /** Abandons files that were not all stored. */
        async dropFiles(files: ArtefactFiles): Promise<void> {
          for (const key of keysOf(files).keys) dropReservation(db, key, now());
          await rearm();
        },

        /** Last step: publishes a result whose files are stored, under a name made from its digest. */
        async add(
          { result, base, suffix, ignoredFiles = [], contextLength }: NewArtefact,
          key: Idempotency | null,
        ): Promise<Delta | Model> {
          const manifest = await verifyStored(context, result, base);
          return db.transaction(() => {
            const owner = tenant().id;
            const name = fineTunedName({ base: base.id, tenant: owner, suffix, id: result.digest });
            const publication: Publication = { tenant: owner, name, result, base, manifest, job: null };
            publish(db, publication, now());
            const shown = SHOWN[ARTEFACT_KINDS[result.kind].object](db, publication);
            const created = {
              ...shown,
              ...(ignoredFiles.length === 0 ? {} : { ignored_files: [...ignoredFiles] }),
              ...(shown.object === "model" ? contextFields(contextLength ?? null) : {}),
            };
            settleCreation(db, key, created);
            return created;
          });
        },
      },
    };
  },
});
