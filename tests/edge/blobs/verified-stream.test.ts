import { env } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { verifiedBlob, verifiedStream } from "../../../edge/blobs/verified-stream.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { chunked } from "../support/streams.ts";

const bytes = new TextEncoder().encode("what was stored");
const facts = { sha256: await sha256Hex(bytes), bytes: bytes.length };

describe("verifiedStream", () => {
  it.each([1, 4, 100])("passes sound bytes on, in chunks of %i", async (size) => {
    const stream = verifiedStream(chunked(bytes, size), facts);
    expect(await new Response(stream).text()).toBe("what was stored");
  });

  it("passes nothing on where there is nothing", async () => {
    const empty = new Uint8Array();
    expect(
      await new Response(verifiedStream(chunked(empty, 1), { sha256: await sha256Hex(empty), bytes: 0 })).text(),
    ).toBe("");
  });

  it("fails before the last chunk of bytes that have rotted", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const rotten = bytes.with(3, 0);
    const reader = verifiedStream(chunked(rotten, 5), facts).getReader();
    let seen = 0;
    const reading = (async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        seen += value.byteLength;
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "corrupt_blob" });
    expect(seen).toBeLessThan(bytes.byteLength);
    log.mockRestore();
  });

  it.each([
    ["more", new Uint8Array([...bytes, 1])],
    ["fewer", bytes.subarray(1)],
  ])("fails on %s bytes than were stored", async (_, other) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await expect(new Response(verifiedStream(chunked(other, 4), facts)).arrayBuffer()).rejects.toThrow();
    log.mockRestore();
  });
});

describe("verifiedBlob", () => {
  it("reads a stored blob, and refuses before the first byte one that is missing or has another length", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await env.BLOBS.put("verified", bytes);
    const source = { key: "verified", ...facts };
    expect(await new Response(await verifiedBlob(env.BLOBS, source)).text()).toBe("what was stored");
    for (const wrong of [
      { ...source, key: "nothing" },
      { ...source, bytes: 3 },
    ]) {
      await expect(verifiedBlob(env.BLOBS, wrong)).rejects.toMatchObject({ code: "corrupt_blob" });
    }
    log.mockRestore();
  });
});
