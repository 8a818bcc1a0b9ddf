import { expect, it } from "vitest";
import { replyFirst } from "../../../edge/routes/reply-first.ts";
import { chunked } from "../support/streams.ts";

const LIMITS = { bytes: 1_000, ms: 300 };
const refused = () => Response.json({ error: "no" }, { status: 401, headers: { "x-a": "b" } });

/** A body of which chunks come until it is cancelled, and what has become of it. */
function endless(everyMs: number) {
  const seen = { chunks: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await scheduler.wait(everyMs);
      seen.chunks++;
      controller.enqueue(new Uint8Array(100));
    },
    cancel: () => {
      seen.cancelled = true;
    },
  });
  return { body, seen };
}

it("a reply to a body that is read, or that there is none of, stays as it is", async () => {
  const read = chunked(new Uint8Array(10), 10);
  await new Response(read).arrayBuffer();
  const taken = chunked(new Uint8Array(10), 10);
  taken.getReader();
  const ended = chunked(new Uint8Array(10), 10);
  const reader = ended.getReader();
  while (!(await reader.read()).done);
  reader.releaseLock();
  for (const body of [null, read, taken, ended]) {
    const reply = refused();
    expect(await replyFirst(reply, body, LIMITS)).toBe(reply);
  }
});

it("an error comes whole at once, and ends when the body has been read to its end", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  void writer.write(new Uint8Array(10));
  const reply = await replyFirst(refused(), readable, LIMITS);
  expect([reply.status, reply.headers.get("x-a")]).toEqual([401, "b"]);
  const reader = reply.body!.getReader();
  const { value } = await reader.read();
  expect(JSON.parse(new TextDecoder().decode(value))).toEqual({ error: "no" });
  let ended = false;
  const end = reader.read().then(({ done }) => {
    ended = done;
  });
  await writer.write(new Uint8Array(10));
  await scheduler.wait(50);
  expect(ended).toBe(false);
  await writer.close();
  await end;
  expect(ended).toBe(true);
});

it("of a body that never ends, so much is read, and for so long", async () => {
  const quick = endless(0);
  await (await replyFirst(refused(), quick.body, LIMITS)).text();
  expect(quick.seen.cancelled).toBe(true);
  expect(quick.seen.chunks).toBeLessThan(15);
  const slow = endless(70);
  await (await replyFirst(refused(), slow.body, LIMITS)).text();
  expect(slow.seen.cancelled).toBe(true);
  expect(slow.seen.chunks).toBeLessThan(8);
});

it("a client that leaves while it sends ends the reading", async () => {
  const broken = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await scheduler.wait(50);
      controller.error(new Error("gone"));
    },
  });
  expect(await (await replyFirst(refused(), broken, LIMITS)).json()).toEqual({ error: "no" });
});
