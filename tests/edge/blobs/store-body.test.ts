import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { storeBody } from "../../../edge/blobs/store-body.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";

const bytes = new TextEncoder().encode("bytes");

async function store(
  key: string,
  body: Uint8Array,
  options: { createOnly?: boolean; headers?: HeadersInit } = {},
): Promise<boolean> {
  const request = new Request("https://x", { method: "PUT", body, headers: options.headers ?? {} });
  const target = {
    key,
    request,
    bytes: bytes.byteLength,
    sha256: await sha256Hex(bytes),
    createOnly: options.createOnly ?? true,
  };
  return storeBody(env.BLOBS, target);
}

describe("storeBody", () => {
  it("stores what was announced, with its digest", async () => {
    expect(await store("body/a", bytes)).toBe(true);
    const head = await env.BLOBS.head("body/a");
    expect([head?.size, head?.checksums.sha256?.byteLength]).toEqual([5, 32]);
  });

  it("leaves what is there, or replaces it", async () => {
    await env.BLOBS.put("body/b", "before");
    expect(await store("body/b", bytes)).toBe(false);
    expect(await (await env.BLOBS.get("body/b"))?.text()).toBe("before");
    expect(await store("body/b", bytes, { createOnly: false })).toBe(true);
    expect(await (await env.BLOBS.get("body/b"))?.text()).toBe("bytes");
  });

  it.each([
    ["other bytes", new TextEncoder().encode("other")],
    ["too many", new TextEncoder().encode("bytes and more")],
    ["none", new Uint8Array()],
  ])("keeps nothing of %s", async (_, body) => {
    await expect(store("body/c", body)).rejects.toMatchObject({ code: "invalid_request" });
    expect(await env.BLOBS.head("body/c")).toBeNull();
  });

  it("says that it may be tried again where the store is at fault, and where the body breaks off", async () => {
    const broken = {
      put: async (_: string, body: ReadableStream) => {
        const error = new Error("put: We encountered an internal error. Please try again. (10001)");
        await body.cancel(error);
        throw error;
      },
    } as unknown as R2Bucket;
    const request = new Request("https://x", { method: "PUT", body: bytes });
    const target = {
      key: "body/e",
      request,
      bytes: bytes.byteLength,
      sha256: await sha256Hex(bytes),
      createOnly: true,
    };
    await expect(storeBody(broken, target)).rejects.toMatchObject({
      code: "internal_error",
      message: expect.stringMatching(/^The bytes could not be stored\. Send them again\. \(.*10001.*\)$/),
    });
    const pull = (controller: ReadableStreamDefaultController) =>
      controller.error(new Error("Network connection lost."));
    const cut = new Request("https://x", { method: "PUT", body: new ReadableStream({ pull }) });
    await expect(storeBody(env.BLOBS, { ...target, request: cut })).rejects.toMatchObject({ code: "internal_error" });
    expect(await env.BLOBS.head("body/e")).toBeNull();
  });

  it("does not begin with a length that cannot be right", async () => {
    await expect(store("body/d", bytes, { headers: { "content-length": "4" } })).rejects.toMatchObject({
      message: expect.stringContaining("4 bytes instead of the 5"),
    });
  });
});
