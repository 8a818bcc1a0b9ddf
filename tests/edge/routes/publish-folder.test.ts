import { expect, it, vi } from "vitest";
import type { FileContents } from "../../../edge/blobs/file-contents.ts";
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
  expect((await tenant.deltas.list({ after: undefined, limit: 10 })).data).toEqual([]);
  await vi.waitFor(async () => {
    expect((await api.env.BLOBS.list({ prefix: "tenants/publish-owner/" })).objects).toEqual([]);
  });
  expect(await publish(api.env.BLOBS)).toMatchObject({ object: "delta", model: base.id, methods: ["lora"] });
});

it("stores a file that is made in pieces, and gives it up with the others when making it fails", async () => {
  const api = new Api();
  await api.tenant("pieces-owner");
  const tenant = tenantObject(api.env, "pieces-owner");
  const { folder, digest } = await tinyDelta(base.digest);
  let made = 0;
  async function* pieces(failing: boolean) {
    const bytes = folder.get("serving.safetensors")!;
    made++;
    yield bytes.subarray(0, 10);
    if (failing && made === 2) throw new Error("the base went away");
    yield bytes.subarray(10);
  }
  const publish = (failing: boolean) => {
    made = 0;
    const files = new Map<string, FileContents>([...folder, ["serving.safetensors", () => pieces(failing)]]);
    return publishFolder(api.env.BLOBS, tenant, { kind: "delta", files, base, suffix: null }, null);
  };
  await expect(publish(true)).rejects.toThrow("the base went away");
  await vi.waitFor(async () => {
    expect((await api.env.BLOBS.list({ prefix: "tenants/pieces-owner/" })).objects).toEqual([]);
  });
  expect(await publish(false)).toMatchObject({ object: "delta", digest });
  const stored = await api.env.BLOBS.get(`tenants/pieces-owner/deltas/${digest}/serving.safetensors`);
  expect(new Uint8Array(await stored!.arrayBuffer())).toEqual(folder.get("serving.safetensors"));
});

it("stores what is made in pieces with its digest, however large it is", async () => {
  const api = new Api();
  await api.tenant("large-owner");
  const tenant = tenantObject(api.env, "large-owner");
  const { folder } = await tinyDelta(base.digest);
  const piece = new Uint8Array(1 << 20).fill(7);
  async function* card() {
    for (let n = 0; n < 9; n++) yield piece;
  }
  const files = new Map<string, FileContents>([...folder, ["README.md", card]]);
  const delta = await publishFolder(api.env.BLOBS, tenant, { kind: "delta", files, base, suffix: null }, null);
  expect(delta).toMatchObject({ object: "delta" });
  const { objects } = await api.env.BLOBS.list({ prefix: "tenants/large-owner/" });
  expect(objects.find(({ key }) => key.endsWith("README.md"))?.size).toBe(9 << 20);
});
