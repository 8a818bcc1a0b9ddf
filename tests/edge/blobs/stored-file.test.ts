import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { storedFile } from "../../../edge/blobs/stored-file.ts";

it("reads ranges, empty ones too, and says when the bytes are gone", async () => {
  await env.BLOBS.put("ranges", Uint8Array.of(1, 2, 3, 4));
  const file = storedFile(env.BLOBS, "ranges", 4);
  expect(new Uint8Array(await file.slice(1, 3))).toEqual(Uint8Array.of(2, 3));
  expect(new Uint8Array(await file.slice(2))).toEqual(Uint8Array.of(3, 4));
  expect((await file.slice(4)).byteLength).toBe(0);
  await expect(storedFile(env.BLOBS, "no ranges", 4).slice(0, 2)).rejects.toMatchObject({ code: "corrupt_blob" });
});
