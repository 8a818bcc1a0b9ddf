import { expect, it } from "vitest";
import { fakeApi, runCli } from "../support/cli.ts";
import { event, job, page } from "../support/jobs.ts";

const JOB = "GET /v1/fine_tuning/jobs/ftjob-1";
const EVENTS = `${JOB}/events?limit=100`;
const STEP = event("b", "Step 1/4: loss 2.0000", { step: 1, total_steps: 4, loss: 2, tokens_per_second: 100 });

it("shows messages and a bar until the job has ended, each once", async () => {
  const done = job({ status: "succeeded", fine_tuned_model: "ft:a", trained_tokens: 1234 });
  const { env } = await fakeApi({
    [JOB]: [job({ status: "queued" }), job(), done],
    [EVENTS]: [page([event("a", "Read 5 lines")]), page([STEP, event("a", "Read 5 lines")])],
  });
  const { out, progress, status } = await runCli(["jobs", "watch", "ftjob-1"], { env });
  expect([out, status]).toEqual(["ftjob-1 succeeded after 1,234 tokens: ft:a\n", 0]);
  expect(progress.match(/Read 5 lines/g)).toHaveLength(1);
  expect(progress).toContain("1/4  loss 2.000  100 tok/s");
});

it("prints events and the job as lines of JSON", async () => {
  const failed = job({ status: "failed", error: { code: "x", message: "It broke.", param: null } });
  const { env } = await fakeApi({ [JOB]: [failed], [EVENTS]: [page([STEP])] });
  const { out, progress, status } = await runCli(["jobs", "watch", "ftjob-1", "--json"], { env });
  const lines = out.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).object)).toEqual(["fine_tuning.job.event", "fine_tuning.job"]);
  expect([progress, status]).toEqual(["", 1]);
  expect((await runCli(["jobs", "watch", "ftjob-1"], { env })).out).toBe("ftjob-1 failed: It broke.\n");
});

it("says that there is no such job", async () => {
  const { env } = await fakeApi({});
  expect(await runCli(["jobs", "watch", "ftjob-9"], { env })).toMatchObject({
    status: 2,
    failed: "There is no GET /v1/fine_tuning/jobs/ftjob-9.\n",
  });
});
