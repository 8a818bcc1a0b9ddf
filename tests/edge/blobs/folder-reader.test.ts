import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { FolderReader } from "../../../edge/blobs/folder-reader.ts";
import { storeFolder } from "../support/stored-folder.ts";

const encode = (text: string) => new TextEncoder().encode(text);

async function stored(note: string) {
  const folder = await storeFolder(
    new Map([
      ["config.json", encode(`{"note":"${note}"}`)],
      ["model.safetensors", Uint8Array.of(1, 2, 3)],
    ]),
  );
  return { folder, reader: new FolderReader(env.BLOBS, folder) };
}

describe("FolderReader", () => {
  it("lists and reads the files of its record", async () => {
    const { folder, reader } = await stored("whole");
    await env.BLOBS.put(`${folder.prefix}more.json`, "{}");
    expect(reader.names).toEqual(["config.json", "model.safetensors"]);
    expect([reader.has("config.json"), reader.has("more.json")]).toEqual([true, false]);
    expect(await reader.bytes("model.safetensors")).toEqual(Uint8Array.of(1, 2, 3));
    expect(await reader.text("config.json")).toBe('{"note":"whole"}');
    expect(await reader.json("config.json")).toEqual({ note: "whole" });
  });

  it("hands out no bytes that are not what was stored", async () => {
    const { folder, reader } = await stored("changed");
    await env.BLOBS.put(`${folder.prefix}model.safetensors`, Uint8Array.of(1, 2, 4));
    await expect(reader.bytes("model.safetensors")).rejects.toMatchObject({
      code: "corrupt_blob",
      message: `the stored file model.safetensors of ${folder.digest} does not have its digest`,
    });
    await env.BLOBS.put(`${folder.prefix}config.json`, '{"note":"other"}');
    await expect(reader.json("config.json")).rejects.toMatchObject({ code: "corrupt_blob" });
  });

  it("names a file that is gone, or was never of the folder", async () => {
    const { folder, reader } = await stored("gone");
    await env.BLOBS.put(`${folder.prefix}more.json`, "{}");
    await env.BLOBS.delete(`${folder.prefix}config.json`);
    for (const name of ["config.json", "more.json"]) {
      await expect(reader.bytes(name)).rejects.toMatchObject({
        code: "corrupt_blob",
        message: `the stored file ${name} of ${folder.digest} is missing`,
      });
    }
  });
});
