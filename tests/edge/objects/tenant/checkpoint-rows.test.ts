import { describe, expect, it } from "vitest";
import { reserveBlob } from "../../../../edge/objects/blob-ledger.ts";
import {
  addCheckpoint,
  dropResumeState,
  keepResumeState,
  listCheckpoints,
  resumeRow,
  resumeStateOf,
} from "../../../../edge/objects/tenant/checkpoint-rows.ts";
import { withTenant } from "../../support/tenant-database.ts";

const state = (step: number) => ({ job: "j", step, blob: `blob ${step}`, bytes: step, sha256: "0".repeat(64) });

describe("the resume state", () => {
  it("is the newest one that was stored; the one before it goes", () =>
    withTenant((db) => {
      expect(resumeStateOf(db, "j", "/root")).toBeNull();
      for (const step of [3, 5]) {
        reserveBlob(db, state(step).blob, 0);
        keepResumeState(db, state(step), 0);
      }
      expect(resumeStateOf(db, "j", "/root")).toMatchObject({ step: 5, bytes: 5, path: "/root/checkpoints/5" });
      expect(db.all("SELECT key, state FROM blobs ORDER BY key")).toEqual([
        { key: "blob 3", state: "doomed" },
        { key: "blob 5", state: "ready" },
      ]);
      expect(() => keepResumeState(db, state(4), 0)).toThrow(expect.objectContaining({ code: "conflict" }));
      keepResumeState(db, { ...state(5), blob: "another" }, 0);
      expect(resumeRow(db, "j")?.blob).toBe("another");
      dropResumeState(db, "j", 0);
      expect(resumeRow(db, "j")).toBeUndefined();
      dropResumeState(db, "j", 0);
    }));
});

it("a checkpoint is published once for each step", () =>
  withTenant((db) => {
    const add = (id: string, step: number) =>
      addCheckpoint(db, { id, job: "j", step, model: `m${step}`, metrics: { loss: 1 } }, 4_000);
    add("ftckpt_1", 1);
    add("ftckpt_2", 2);
    add("ftckpt_3", 2);
    expect(listCheckpoints(db, "j", { limit: 5 }).data).toMatchObject([
      { id: "ftckpt_2", step_number: 2 },
      {
        object: "fine_tuning.job.checkpoint",
        id: "ftckpt_1",
        created_at: 4,
        step_number: 1,
        fine_tuned_model_checkpoint: "m1",
        fine_tuning_job_id: "j",
        metrics: { step: 1, loss: 1 },
      },
    ]);
  }));

it("a checkpoint has its step's metrics and those it was published with, by OpenAI's names too", () =>
  withTenant((db) => {
    const data = {
      step: 2,
      loss: 3,
      mean_token_accuracy: 0.5,
      valid_loss: 4,
      valid_mean_token_accuracy: 0.25,
      note: "x",
    };
    db.run(
      "INSERT INTO events (id, job, step, created_at, level, message, type, data) VALUES ('e', 'j', 2, 1, 'info', '', 'metrics', ?)",
      JSON.stringify(data),
    );
    const metrics = { train_loss: 2.5, tuned_loss: 1.5, base_loss: 6, valid_mean_token_accuracy: 0.75 };
    addCheckpoint(db, { id: "ftckpt_1", job: "j", step: 2, model: "m", metrics }, 4_000);
    expect(listCheckpoints(db, "j", { limit: 5 }).data[0]!.metrics).toEqual({
      ...metrics,
      step: 2,
      train_mean_token_accuracy: 0.5,
      valid_loss: 4,
      full_valid_loss: 1.5,
      full_valid_mean_token_accuracy: 0.75,
    });
  }));
