import { describe, expect, it, vi } from "vitest";
import { verifiedStream } from "../../../edge/blobs/verified-stream.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { chunked } from "../support/streams.ts";

const bytes = new TextEncoder().encode("what was stored");

describe("verifiedStream", () => {
  it.each([1, 4, 100])("passes sound bytes on, in chunks of %i", async (size) => {
    const stream = verifiedStream(chunked(bytes, size), await sha256Hex(bytes));
    expect(await new Response(stream).text()).toBe("what was stored");
  });

  it("passes nothing on where there is nothing", async () => {
    const empty = new Uint8Array();
    expect(await new Response(verifiedStream(chunked(empty, 1), await sha256Hex(empty))).text()).toBe("");
  });

  it("fails before the last chunk of bytes that have rotted", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const rotten = bytes.with(3, 0);
    const reader = verifiedStream(chunked(rotten, 5), await sha256Hex(bytes)).getReader();
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
});
