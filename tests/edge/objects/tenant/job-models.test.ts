import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { publish } from "../../../../edge/objects/tenant/artefact-rows.ts";
import { jobModels, modelFiles } from "../../../../edge/objects/tenant/job-models.ts";
import { requireNoJobOn } from "../../../../edge/objects/tenant/job-parent.ts";
import { endJob, findJob, specOf } from "../../../../edge/objects/tenant/job-rows.ts";
import { sourceOf } from "../../../../edge/objects/tenant/sources.ts";
import type { NamedModel } from "../../../../shared/api/methods.ts";
import type { Manifest } from "../../../../shared/delta/manifest.ts";
import { BASE, givenJob, JOB, withTenant } from "../../support/tenant-database.ts";

const FILES = ["adapter_config.json", "manifest.json", "serving.safetensors"];
const named = (name: string, scorer: NamedModel["scorer"] = "reward"): NamedModel[] => [
  { name, param: "method.ppo.reward.model", scorer },
];

/** A published delta; its scorer has these labels, if any. */
function given(
  db: Database,
  name: string,
  labels?: readonly string[],
  base: Pick<typeof BASE, "id" | "digest"> = BASE,
) {
  const digest = name.length.toString(16).repeat(64).slice(0, 64);
  const files = FILES.map((file) => ({ name: file, bytes: 1, sha256: "0".repeat(64) }));
  const scorer = labels === undefined ? {} : { scorer: { labels, modes: ["lookahead"] } };
  const manifest = scorer as unknown as Manifest;
  publish(db, { tenant: "t", name, result: { kind: "delta", digest, files }, base, manifest, job: null }, 1_000);
  return { digest, artefact: `delta-${digest.slice(0, 32)}` };
}

describe("the deltas that a job's settings name", () => {
  it("are the artefacts behind the names, each once, of which a trainer reads two files", () =>
    withTenant((db) => {
      const { digest, artefact } = given(db, "ft:reward", ["reward"]);
      const models = jobModels(db, [...named("ft:reward"), ...named("ft:reward")], BASE);
      expect(models).toMatchObject([{ name: "ft:reward", artefact, digest }]);
      expect(modelFiles(models[0]!).map(({ name }) => name)).toEqual(["manifest.json", "serving.safetensors"]);
    }));

  it("must exist, judge as needed, and be of the job's base", () =>
    withTenant((db) => {
      given(db, "ft:reward", ["reward"]);
      given(db, "ft:tone", ["rude", "polite"]);
      given(db, "ft:plain");
      given(db, "ft:elsewhere", ["reward"], { id: "other", digest: "e".repeat(64) });
      const refused = (name: string, scorer?: NamedModel["scorer"]) => {
        try {
          jobModels(db, named(name, scorer), BASE);
        } catch (error) {
          return error as { code: string; param: string; message: string };
        }
        throw new Error("nothing was refused");
      };
      const param = "method.ppo.reward.model";
      expect(refused("ft:none")).toMatchObject({ code: "model_not_found", param });
      expect(refused("ft:plain")).toMatchObject({ code: "invalid_request", param });
      expect(refused("ft:plain").message).toContain("has no scoring head");
      expect(refused("ft:tone").message).toContain("is a classifier");
      expect(refused("ft:reward", "classifier").message).toContain("is a reward model");
      expect(refused("ft:elsewhere")).toMatchObject({ code: "invalid_delta", param });
      expect(refused("ft:elsewhere").message).toContain("judges texts of other, not of base");
    }));

  it("stay while the job has not ended, and only its own trainer reads them", () =>
    withTenant((db) => {
      const { artefact } = given(db, "ft:reward", ["reward"]);
      givenJob(db, JOB);
      const models = jobModels(db, named("ft:reward"), BASE);
      db.run("UPDATE jobs SET spec = json_set(spec, '$.models', json(?)) WHERE id = ?", JSON.stringify(models), JOB);
      expect(() => requireNoJobOn(db, artefact)).toThrow(/uses this model/);
      requireNoJobOn(db, "delta-of-others");
      const job = findJob(db, JOB)!;
      expect(specOf(job).models).toEqual(models);
      const source = { kind: "model", index: 0, name: "manifest.json" } as const;
      expect(sourceOf(db, job, source).key).toBe(`${models[0]!.prefix}manifest.json`);
      for (const wrong of [
        { ...source, index: 1 },
        { ...source, name: "adapter_config.json" },
      ]) {
        expect(() => sourceOf(db, job, wrong)).toThrow(expect.objectContaining({ code: "not_found" }));
      }
      endJob(db, JOB, { status: "succeeded" }, 5_000);
      requireNoJobOn(db, artefact);
    }));
});
