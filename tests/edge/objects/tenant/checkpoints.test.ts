import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Api } from "../../support/api.ts";
import { FakeTrainer } from "../../support/fake-trainer.ts";

it("a resume state that is given up is swept; one that is kept stays until the next", async () => {
  const api = new Api();
  const tenant = tenantObject(env, "checkpoints-tenant");
  await api.base("checkpoints-base");
  const key = await api.tenant("checkpoints-tenant");
  const body = { model: "checkpoints-base", training_file: await api.dataset(key) };
  await api.call("POST", "/v1/fine_tuning/jobs", { key, body });
  const lease = await new FakeTrainer(api, "checkpoints").lease();
  if (lease === undefined) throw new Error("nothing to lease");
  const stored: string[] = [];
  for (const step of [1, 2, 3]) {
    const blob = await tenant.checkpoints.beginResumeState(lease, step);
    await env.BLOBS.put(blob, "state");
    stored.push(blob);
    if (step === 2) await tenant.checkpoints.dropResumeState(blob);
    else await tenant.checkpoints.keepResumeState(lease, { step, bytes: 5, sha256: "0".repeat(64), key: blob });
  }
  await expect
    .poll(async () => Promise.all(stored.map(async (blob) => (await env.BLOBS.head(blob)) !== null)))
    .toEqual([false, false, true]);
  const stale = { ...lease, fence: lease.fence - 1 };
  await expect(tenant.checkpoints.beginResumeState(stale, 4)).rejects.toMatchObject({ code: "stale_lease" });
  await expect(tenant.checkpoints.list("ftjob-x", { limit: 1 })).rejects.toMatchObject({ code: "not_found" });
});
