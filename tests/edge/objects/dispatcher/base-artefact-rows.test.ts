import { expect, it } from "vitest";
import {
  beginBaseArtefact,
  deleteBaseArtefacts,
  findBaseArtefact,
  keepBaseArtefact,
} from "../../../../edge/objects/dispatcher/base-artefact-rows.ts";
import { announceBase, deleteBase, finishBase } from "../../../../edge/objects/dispatcher/base-rows.ts";
import { DISPATCHER_MODULES } from "../../../../edge/objects/dispatcher/modules.ts";
import { updateSchema } from "../../../../edge/objects/schema.ts";
import { withDatabase } from "../../support/database.ts";

const TRACING = `tracing.${"0".repeat(32)}.json`;

const sha256 = "0".repeat(64);
const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"].map((name) => ({
  name,
  bytes: 1,
  sha256,
}));
const digest = "1".repeat(64);
const file = { base: "b", digest, name: TRACING };

it("keeps the first of those that are stored at the same time, until its base is deleted", () =>
  withDatabase((db) => {
    updateSchema(db, DISPATCHER_MODULES);
    expect(() => beginBaseArtefact(db, { ...file, id: "a" }, 0)).toThrow("There is no base model b of the version");
    announceBase(db, { id: "b", files, digest }, 0);
    finishBase(db, "b", { digest, config: {} }, 0);
    expect(() => beginBaseArtefact(db, { ...file, digest: "2".repeat(64), id: "a" }, 0)).toThrow(
      expect.objectContaining({ code: "not_found" }),
    );
    const [first, second] = ["a", "b"].map((id) => beginBaseArtefact(db, { ...file, id }, 1)!) as [string, string];
    expect(first).not.toBe(second);
    expect(keepBaseArtefact(db, { ...file, blob: second, bytes: 2, sha256 }, 2)).toBe(true);
    expect(keepBaseArtefact(db, { ...file, blob: first, bytes: 1, sha256 }, 3)).toBe(false);
    expect(findBaseArtefact(db, file)).toEqual({ key: second, bytes: 2, sha256 });
    expect(beginBaseArtefact(db, { ...file, id: "c" }, 4)).toBeUndefined();
    const stateOf = (key: string) => db.get<{ state: string }>("SELECT state FROM blobs WHERE key = ?", key)?.state;
    expect([stateOf(first), stateOf(second)]).toEqual(["doomed", "ready"]);
    deleteBaseArtefacts(db, "another", 5);
    expect(findBaseArtefact(db, file)).toBeDefined();
    deleteBase(db, "b", 6);
    expect([findBaseArtefact(db, file), stateOf(second)]).toEqual([undefined, "doomed"]);
    expect(() => keepBaseArtefact(db, { ...file, blob: second, bytes: 2, sha256 }, 7)).toThrow(
      expect.objectContaining({ code: "not_found" }),
    );
  }));
