import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { dispatcherObject } from "../../../../edge/objects/remote.ts";

it("the queue counts what tenants put in and take out", async () => {
  const { queue } = dispatcherObject(env);
  for (const job of ["a", "b"]) await queue.enqueue({ job, tenant: "t", executor: null, base: "b" });
  expect(await queue.counts()).toMatchObject({ queued: 2, leased: 0 });
  await queue.withdraw("a", "cancelled");
  await queue.withdraw("b", null);
  expect(await queue.counts()).toMatchObject({ queued: 0, ended: { cancelled: 1 } });
  expect(await queue.extend({ job: "a", fence: 1 })).toBeNull();
  await queue.enqueue({ job: "c", tenant: "t", executor: null, base: "b" });
  expect(await queue.extend({ job: "c", fence: 0 }, true)).toMatchObject({ yields: false });
});
