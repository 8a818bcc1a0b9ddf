import { describe, expect, it } from "vitest";
import { CreateJob, JobListQuery, JobStatus, jobFilter, TERMINAL_STATUSES } from "../../../shared/api/jobs.ts";

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
    { model: "" },
    { continue_with: "nothing" },
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

describe("the filter of a list", () => {
  const filter = (query: Record<string, string>) => jobFilter(JobListQuery.parse(query));
  it("has the pairs of the query, or asks for none", () => {
    expect(filter({ limit: "5", after: "ftjob-1" })).toEqual({ limit: 5, after: "ftjob-1", metadata: undefined });
    expect(filter({ "metadata[a]": "1", "metadata[b]c]": "" })).toMatchObject({ metadata: { a: "1", "b]c": "" } });
    expect(filter({ metadata: "null" })).toMatchObject({ metadata: null });
  });

  it.each([{ metadata: "x" }, { "metadata[]": "x" }, { other: "x" }, { "metadata[a]": "x".repeat(513) }])(
    "refuses %j",
    (query) => {
      expect(JobListQuery.safeParse(query).success).toBe(false);
    },
  );
});
