import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { dispatcherObject } from "../../../../edge/objects/remote.ts";
import { endNotice, queuedNotice } from "../../support/job-notice.ts";

it("the queue counts what tenants put in and take out", async () => {
  const { queue } = dispatcherObject(env);
  for (const job of ["a", "b"]) await queue.notice([queuedNotice({ job, tenant: "t", executor: null })]);
  expect(await queue.counts()).toMatchObject({ queued: 2, leased: 0 });
  await queue.notice([endNotice("a", "cancelled")]);
  await queue.notice([endNotice("b", null)]);
  expect(await queue.counts()).toMatchObject({ queued: 0, ended: { cancelled: 1 } });
  expect(await queue.extend({ job: "a", fence: 1 })).toBeNull();
});
