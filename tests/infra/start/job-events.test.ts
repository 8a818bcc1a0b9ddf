import { expect, it } from "vitest";
import { ApiClient } from "../../../infra/start/api-client.ts";
import { newJobEvents } from "../../../infra/start/job-events.ts";
import { fakeApi } from "../cli/support/cli.ts";
import { event, page } from "../cli/support/jobs.ts";

it("gives events that are new, oldest first, over as many pages as hold any", async () => {
  const path = "GET /v1/fine_tuning/jobs/j/events?limit=100";
  const { env } = await fakeApi({
    [path]: [page([event("b", "two"), event("a", "one")]), page([event("e", "five"), event("d", "four")], true)],
    [`${path}&after=d`]: [page([event("c", "three"), event("b", "two")], true)],
  });
  const client = new ApiClient({ url: env.OPENAI_BASE_URL.replace("/v1", ""), token: "t" });
  const seen = new Set<string>();
  expect((await newJobEvents(client, "j", seen)).map(({ message }) => message)).toEqual(["one", "two"]);
  expect((await newJobEvents(client, "j", seen)).map(({ message }) => message)).toEqual(["three", "four", "five"]);
  expect(seen.size).toBe(5);
});
