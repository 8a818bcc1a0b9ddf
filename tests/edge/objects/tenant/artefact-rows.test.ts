import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import {
  artefactPrefix,
  findArtefact,
  findModel,
  folderOf,
  publish,
} from "../../../../edge/objects/tenant/artefact-rows.ts";
import { deleteDelta, deltaOf, listDeltas, requireDelta } from "../../../../edge/objects/tenant/deltas.ts";
import { deleteModel, listModels, modelOf, type Shown } from "../../../../edge/objects/tenant/models.ts";
import { deltasToMerge } from "../../../../edge/objects/tenant/resolve.ts";
import type { ArtefactKindRow } from "../../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../../shared/api/artefact-kinds/registry.ts";
import type { Manifest } from "../../../../shared/delta/manifest.ts";
import { BASE, withTenant } from "../../support/tenant-database.ts";

const shown: Shown = { tenant: "t", statusOf: () => "available" };

const digest = "d".repeat(64);
const id = `delta-${digest.slice(0, 32)}`;
const MANIFEST: Manifest = {
  format: "trimtab.delta/1",
  base_model: "base",
  base_digest: BASE.digest,
  tokenizer_digest: digest,
  methods: ["lora"],
  data_digests: [],
  metrics: { base_loss: 2 },
  parents: [],
  trainable_parameters: 7,
  created_at: 1,
  digest,
};
const files = [{ name: "manifest.json", bytes: 2, sha256: "e".repeat(64) }];

function given(db: Database, name: string, kind: "delta" | "model" = "delta"): void {
  publish(
    db,
    {
      tenant: "t",
      name,
      result: { kind, digest, files },
      base: BASE,
      manifest: kind === "delta" ? MANIFEST : null,
      job: "j",
    },
    1_000,
  );
}

const blobs = (db: Database) => db.all<{ state: string }>("SELECT state FROM blobs").map(({ state }) => state);

describe("a published result", () => {
  it("answers to its names and lies where its digest says", () =>
    withTenant((db) => {
      given(db, "ft:a");
      given(db, "ft:b");
      given(db, "ft:b");
      const row = requireDelta(db, id, "id");
      expect(folderOf(row)).toEqual({ digest, files, prefix: artefactPrefix("t", "delta", digest) });
      expect(deltaOf(db, row, () => "available")).toEqual({
        base_status: "available",
        id,
        object: "delta",
        created_at: 1,
        model: "base",
        base_digest: BASE.digest,
        digest,
        bytes: 2,
        methods: ["lora"],
        trainable_parameters: 7,
        metrics: { base_loss: 2 },
        parents: [],
        fine_tuning_job_id: "j",
        models: ["ft:a", "ft:b"],
      });
      expect(listModels(db, shown).map((model) => model.id)).toEqual(["ft:b", "ft:a"]);
      expect(modelOf(db, findModel(db, "ft:a") as never, shown)).toMatchObject({
        owned_by: "t",
        root: "base",
        parent: "base",
      });
      expect(blobs(db)).toEqual(["ready"]);
    }));

  it("goes with the last of its names", () =>
    withTenant((db) => {
      given(db, "ft:a");
      given(db, "ft:b");
      deleteModel(db, "ft:a", 0);
      expect([findArtefact(db, id)?.id, blobs(db)]).toEqual([id, ["ready"]]);
      expect(deleteModel(db, "ft:b", 0)).toEqual({ id: "ft:b", object: "model", deleted: true });
      expect([findArtefact(db, id), blobs(db)]).toEqual([undefined, ["doomed"]]);
      expect(() => deleteModel(db, "ft:b", 0)).toThrow(expect.objectContaining({ code: "model_not_found" }));
    }));

  it("takes its names with it", () =>
    withTenant((db) => {
      given(db, "ft:a");
      expect(deleteDelta(db, id, 0)).toEqual({ id, object: "delta", deleted: true });
      expect([findModel(db, "ft:a"), listDeltas(db, { limit: 5 }, shown.statusOf).data]).toEqual([undefined, []]);
    }));

  it("has no name where its kind serves no requests", () =>
    withTenant((db) => {
      const kind = ARTEFACT_KINDS.delta as { serves: ArtefactKindRow["serves"] };
      kind.serves = null;
      try {
        given(db, "ft:a");
        expect([findArtefact(db, id)?.id, findModel(db, "ft:a"), blobs(db)]).toEqual([id, undefined, ["ready"]]);
        expect(() => deltasToMerge(db, [{ id, weight: 1 }], BASE)).toThrow(
          expect.objectContaining({ code: "not_found" }),
        );
      } finally {
        kind.serves = "delta";
      }
    }));

  it("may be a whole model, which is no delta", () =>
    withTenant((db) => {
      given(db, "ft:full", "model");
      expect(listDeltas(db, { limit: 5 }, shown.statusOf).data).toEqual([]);
      expect(() => requireDelta(db, `model-${digest.slice(0, 32)}`, "id")).toThrow(
        expect.objectContaining({ code: "not_found", param: "id" }),
      );
    }));
});
