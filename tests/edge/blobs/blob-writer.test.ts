import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { BlobWriter } from "../../../edge/blobs/blob-writer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";

const MIB = 1024 * 1024;

describe("BlobWriter", () => {
  it.each([0, 100_000, 8 * MIB, 8 * MIB + 1])("stores %i bytes in however many chunks", async (size) => {
    const bytes = new Uint8Array(size).fill(7, size >> 1);
    const key = `writer/${size}`;
    const writer = new BlobWriter(env.BLOBS, key);
    const chunk = 1_234_567;
    for (let at = 0; at < size; at += chunk) await writer.write(bytes.subarray(at, at + chunk));
    const sha256 = await sha256Hex(bytes);
    expect(await writer.finish()).toEqual({ bytes: size, sha256 });
    const stored = await env.BLOBS.get(key);
    expect(await sha256Hex(new Uint8Array((await stored?.arrayBuffer()) ?? []))).toBe(sha256);
  });

  it.each([10, 9 * MIB])("leaves nothing of %i bytes when it is given up", async (size) => {
    const writer = new BlobWriter(env.BLOBS, "writer/aborted");
    await writer.write(new Uint8Array(size));
    await writer.abort();
    expect(await env.BLOBS.head("writer/aborted")).toBeNull();
  });
});
