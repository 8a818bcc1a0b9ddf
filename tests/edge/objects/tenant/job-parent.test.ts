import { expect, it } from "vitest";
import { type JobParent, parentFiles, requireNoJobOn } from "../../../../edge/objects/tenant/job-parent.ts";
import { addJob, endJob, specOf } from "../../../../edge/objects/tenant/job-rows.ts";
import { Method } from "../../../../shared/api/methods.ts";
import { givenFile, givenJob, JOB, withTenant } from "../../support/tenant-database.ts";

const file = (name: string) => ({ name, bytes: 1, sha256: "0".repeat(64) });
const parent: JobParent = {
  ...{ model: "ft:m", artefact: "delta-1", kind: "delta", digest: "d".repeat(64), prefix: "p/" },
  files: ["adapter_config.json", "manifest.json", "serving.safetensors"].map(file),
};

it("a delta is its manifest and serving form, a model all of its files", () => {
  expect(parentFiles(parent).map(({ name }) => name)).toEqual(["manifest.json", "serving.safetensors"]);
  expect(parentFiles({ ...parent, kind: "model" })).toBe(parent.files);
});

it("an artefact is kept while a job continues from it", () =>
  withTenant((db) => {
    const base = JSON.parse(givenJob(db, JOB).base);
    givenFile(db, "file-9");
    const request = { model: "ft:m", training_file: "file-9" };
    const method = Method.parse({ type: "supervised" });
    const row = addJob(db, { id: "ftjob-on", request, method, seed: 1, base, parent }, 4_000);
    expect(specOf(row).parent).toEqual(parent);
    requireNoJobOn(db, "delta-2");
    expect(() => requireNoJobOn(db, "delta-1")).toThrow(
      expect.objectContaining({ code: "conflict", message: expect.stringContaining("ftjob-on continues from this") }),
    );
    endJob(db, "ftjob-on", { status: "succeeded" }, 5_000);
    requireNoJobOn(db, "delta-1");
  }));
