import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { verifyResult } from "../../../../edge/objects/tenant/verify-result.ts";
import { folderDigest } from "../../../../shared/api/artefacts.ts";
import { type Folder, fileList, tinyDelta } from "../../support/tiny-base.ts";

const base = { id: "base", digest: "b".repeat(64) };
const ROOM = 1 << 20;

async function verify(
  prefix: string,
  folder: Folder,
  change: (digest: string) => string = (digest) => digest,
): ReturnType<typeof verifyResult> {
  const files = await fileList(folder);
  for (const { name, sha256 } of files) await env.BLOBS.put(prefix + name, folder.get(name) as Uint8Array, { sha256 });
  const digest = change(await folderDigest(files));
  return verifyResult(env.BLOBS, { prefix, base, room: ROOM, result: { kind: "delta", digest, files } });
}

describe("verifyResult", () => {
  it("lets a sound delta pass", async () => {
    const manifest = await verify("verify/a/", (await tinyDelta(base.digest)).folder);
    expect(manifest).toMatchObject({ methods: ["lora"], base_digest: base.digest });
  });

  it("lets one of several adapters pass, and refuses one that lacks a file of an adapter", async () => {
    const several = async () => (await tinyDelta(base.digest, "several", ["lora", "bottleneck"])).folder;
    expect(await verify("verify/f/", await several())).toMatchObject({ methods: ["lora", "bottleneck"] });
    const cut = await several();
    cut.delete("1-bottleneck/adapter.safetensors");
    await expect(verify("verify/g/", cut)).rejects.toMatchObject({
      param: "result.files",
      message: "The delta lacks 1-bottleneck/adapter_model.safetensors.",
    });
    const torn = await several();
    torn.set("1-bottleneck/adapter.safetensors", new Uint8Array(20).fill(255));
    await expect(verify("verify/h/", torn)).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining("1-bottleneck/adapter.safetensors"),
    });
  });

  it("refuses a delta for another base", async () => {
    await expect(verify("verify/b/", (await tinyDelta("c".repeat(64))).folder)).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining("manifest.json names another base"),
    });
  });

  it("refuses a digest that is not the files'", async () => {
    const { folder } = await tinyDelta(base.digest);
    await expect(verify("verify/c/", folder, () => "0".repeat(64))).rejects.toMatchObject({ param: "result.digest" });
  });

  it("refuses tensor files that are none", async () => {
    const { folder } = await tinyDelta(base.digest);
    folder.set("serving.safetensors", new Uint8Array(20).fill(255));
    await expect(verify("verify/d/", folder)).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining("serving.safetensors"),
    });
  });

  it("refuses a delta for which no request would have room", async () => {
    const { files, digest } = await tinyDelta(base.digest);
    const served = files.find(({ name }) => name === "serving.safetensors")!.bytes;
    await expect(
      verifyResult(env.BLOBS, {
        prefix: "verify/i/",
        base,
        room: served - 1,
        result: { kind: "delta", digest, files },
      }),
    ).rejects.toMatchObject({ code: "invalid_delta", message: expect.stringContaining("the most that is served") });
  });

  it("refuses what was not stored", async () => {
    const { files, digest } = await tinyDelta(base.digest, "never stored");
    await expect(
      verifyResult(env.BLOBS, { prefix: "verify/e/", base, room: ROOM, result: { kind: "delta", digest, files } }),
    ).rejects.toThrow(/was not uploaded/);
  });
});
