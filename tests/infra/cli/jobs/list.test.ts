import { expect, it } from "vitest";
import { fakeApi, runCli } from "../support/cli.ts";
import { job, page } from "../support/jobs.ts";

const FIRST = "GET /v1/fine_tuning/jobs?limit=100";
const failed = job({ id: "ftjob-2", status: "failed", error: { code: "x", message: "It broke.", param: null } });
const done = job({ status: "succeeded", fine_tuned_model: "ft:a" });

it("lists jobs with what came of them, over all pages", async () => {
  const { env } = await fakeApi({
    [FIRST]: [page([failed, job()], true)],
    [`${FIRST}&after=ftjob-1`]: [page([done])],
  });
  const { out, status } = await runCli(["jobs", "list"], { env });
  expect(status).toBe(0);
  expect(out).toMatch(/^ftjob-2 +failed +supervised +trimtab-base +1970-01-01 00:01Z +It broke\.$/m);
  expect(out).toMatch(/^ftjob-1 +running .*\nftjob-1 +succeeded .* ft:a$/m);
  const finished = await runCli(["jobs", "list", "--status", "succeeded", "--json"], { env });
  expect(JSON.parse(finished.out)).toMatchObject({ object: "list", data: [{ status: "succeeded" }], has_more: false });
  expect((await runCli(["jobs", "list", "--limit", "1"], { env })).out.trimEnd().split("\n")).toHaveLength(3);
  expect((await runCli(["jobs", "list", "--status", "paused"], { env })).out).toBe("There are no such jobs.\n");
});

it("refuses a status that does not exist", async () => {
  const { env } = await fakeApi({});
  const { failed: message, status } = await runCli(["jobs", "list", "--status", "done"], { env });
  expect([status, message]).toEqual([2, expect.stringContaining('--status is "done": it must be one of')]);
});
