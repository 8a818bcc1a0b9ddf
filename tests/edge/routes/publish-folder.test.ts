import { expect, it, vi } from "vitest";
import { tenantObject } from "../../../edge/objects/remote.ts";
import { publishFolder } from "../../../edge/routes/publish-folder.ts";
import { Api } from "../support/api.ts";
import { tinyDelta } from "../support/tiny-base.ts";

const base = { id: "publish-base", digest: "b".repeat(64) };

it("leaves nothing behind when the store fails halfway", async () => {
  const api = new Api();
  await api.tenant("publish-owner");
  const tenant = tenantObject(api.env, "publish-owner");
  const { folder } = await tinyDelta(base.digest);
  const bucket = Object.create(api.env.BLOBS) as R2Bucket;
  let puts = 0;
  bucket.put = (async (name: string, bytes: Uint8Array, options: R2PutOptions) => {
    if (++puts === 3) throw new Error("the store went away");
    return api.env.BLOBS.put(name, bytes, options);
  }) as unknown as R2Bucket["put"];
  const publish = (to: R2Bucket) =>
    publishFolder(to, tenant, { kind: "delta", files: folder, base, suffix: null }, null);
  await expect(publish(bucket)).rejects.toThrow("the store went away");
  expect((await tenant.listDeltas({ after: undefined, limit: 10 })).data).toEqual([]);
  await vi.waitFor(async () => {
    expect((await api.env.BLOBS.list({ prefix: "tenants/publish-owner/" })).objects).toEqual([]);
  });
  expect(await publish(api.env.BLOBS)).toMatchObject({ object: "delta", model: base.id, methods: ["lora"] });
});
