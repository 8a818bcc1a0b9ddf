import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { UploadedFolder } from "../../../edge/blobs/uploaded-folder.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";

const bytes = new TextEncoder().encode("contents");
const folder = new UploadedFolder(env.BLOBS, "folder/", "invalid_delta");

async function stored(name: string) {
  const sha256 = await sha256Hex(bytes);
  await env.BLOBS.put(`folder/${name}`, bytes, { sha256 });
  return { name, bytes: bytes.byteLength, sha256 };
}

describe("UploadedFolder", () => {
  it("reads files and parts of files", async () => {
    await stored("a");
    expect(await folder.read("a")).toEqual(bytes);
    expect(new TextDecoder().decode(await folder.read("a", { offset: 3, length: 2 }))).toBe("te");
    expect(await folder.read("a", { offset: 0, length: 0 })).toEqual(new Uint8Array());
    await expect(folder.read("b")).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining("b was not uploaded"),
    });
  });

  it("holds files to their list", async () => {
    const file = await stored("c");
    await folder.verify([file]);
    await expect(folder.verify([{ ...file, bytes: 1 }])).rejects.toMatchObject({ code: "invalid_delta" });
    await expect(folder.verify([{ ...file, sha256: "0".repeat(64) }])).rejects.toThrow(/c is listed with 8 bytes/);
    await expect(folder.verify([{ ...file, name: "d" }])).rejects.toThrow(/d was not uploaded/);
  });
});
