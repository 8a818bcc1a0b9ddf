import { expect, it } from "vitest";
import { drain } from "../../../edge/blobs/drain.ts";
import { chunked } from "../support/streams.ts";

it("what is left of a body is read to its end", async () => {
  const body = chunked(new Uint8Array(100), 10);
  const reader = body.getReader();
  await reader.read();
  reader.releaseLock();
  await drain(body, 1_000);
  expect(await body.getReader().read()).toMatchObject({ done: true });
});

it("an endless body is given up, and so is one that breaks", async () => {
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(10));
    },
    cancel: () => {
      cancelled = true;
    },
  });
  await drain(endless, 100);
  expect(cancelled).toBe(true);
  expect(pulled).toBeLessThan(15);
  await drain(new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) }), 100);
  await drain(null, 100);
});

it("a body that somebody else reads is left alone", async () => {
  const body = chunked(new Uint8Array(10), 10);
  const reader = body.getReader();
  await drain(body, 100);
  expect((await reader.read()).value).toHaveLength(10);
});
