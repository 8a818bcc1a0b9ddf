import { describe, expect, it } from "vitest";
import { CreateJob, JobStatus, TERMINAL_STATUSES } from "../../../shared/api/jobs.ts";

const body = { model: "base", training_file: "file-1" };

describe("CreateJob", () => {
  it("takes a job's empty integrations", () => {
    expect(CreateJob.parse({ ...body, integrations: [] })).toEqual({ ...body, integrations: [] });
  });

  it.each([
    { seed: -1 },
    { seed: 2 ** 31 },
    { suffix: "" },
    { suffix: "a b" },
    { model: "ft:base:t::abcdefgh" },
    { metadata: { a: 1 } },
    { metadata: { a: "x".repeat(513) } },
    { integrations: ["wandb"] },
    { organization_id: "other" },
  ])("refuses %j", (fields) => {
    expect(CreateJob.safeParse({ ...body, ...fields }).success).toBe(false);
  });
});

describe("the statuses", () => {
  it("are told apart by whether they change", () => {
    const open = JobStatus.options.filter((status) => !TERMINAL_STATUSES.includes(status));
    expect(open).toEqual(["validating_files", "queued", "running", "paused"]);
  });
});
