import type { BaseArtefactKindName } from "../../../shared/api/base-artefacts/registry.ts";
import { randomText } from "../../../shared/api/ids.ts";
import type { BlobSource } from "../../blobs/blob-source.ts";
import { dropReservation } from "../blob-ledger.ts";
import { objectModule } from "../module.ts";
import {
  BASE_ARTEFACTS_TABLE,
  type BaseArtefact,
  baseArtefactsOfKind,
  beginBaseArtefact,
  findBaseArtefact,
  keepBaseArtefact,
  type StoredBaseArtefact,
} from "./base-artefact-rows.ts";

/** Files that trainers keep beside bases. */
export const baseArtefacts = objectModule({
  schema: [BASE_ARTEFACTS_TABLE],
  open: ({ db, now, rearm }) => ({
    calls: {
      /** Where a file's bytes lie; null if there is none. */
      find: (file: BaseArtefact): BlobSource | null => findBaseArtefact(db, file) ?? null,

      /** Where the files of a kind lie, the oldest first. */
      ofKind: (base: string, digest: string, kind: BaseArtefactKindName): BlobSource[] =>
        baseArtefactsOfKind(db, { base, digest, kind }),

      /**
       * Records that a file is about to be stored. Returns the key for its bytes; null if there is one of that name, which stays.
       *
       * @throws TrimtabError not_found where the base is gone.
       */
      async begin(file: BaseArtefact): Promise<string | null> {
        const id = randomText(16, (bytes) => crypto.getRandomValues(bytes));
        const key = db.transaction(() => beginBaseArtefact(db, { ...file, id }, now()));
        await rearm();
        return key ?? null;
      },

      /** Keeps a file whose bytes are stored. Returns whether it is new. */
      async keep(file: StoredBaseArtefact): Promise<boolean> {
        const isNew = db.transaction(() => keepBaseArtefact(db, file, now()));
        await rearm();
        return isNew;
      },

      /** Abandons a file whose bytes did not arrive. */
      async drop(key: string): Promise<void> {
        dropReservation(db, key, now());
        await rearm();
      },
    },
  }),
});
