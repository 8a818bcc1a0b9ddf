import { expect, it } from "vitest";
import { readReply } from "../../../edge/scoring/read-reply.ts";

const never = new AbortController().signal;

/** A body of these chunks, which says what became of it. */
function watched(chunks: readonly string[], ends = true): { response: Response; cancelled: () => boolean } {
  let cancelled = false;
  const left = [...chunks];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = left.shift();
        if (next !== undefined) controller.enqueue(new TextEncoder().encode(next));
        else if (ends) controller.close();
        else return new Promise<void>(() => {});
      },
      cancel: () => {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { response: new Response(body), cancelled: () => cancelled };
}

it("joins what comes, up to the limit", async () => {
  expect(await readReply(watched(["ab", "c"]).response, 3, never)).toEqual(new TextEncoder().encode("abc"));
  expect(await readReply(new Response(null), 3, never)).toEqual(new Uint8Array(0));
});

it("lets go of a body that is longer", async () => {
  const { response, cancelled } = watched(["ab", "cd"], false);
  expect(await readReply(response, 3, never)).toBeUndefined();
  expect(cancelled()).toBe(true);
});

it("lets go of one that says it is, before it reads", async () => {
  const { response, cancelled } = watched([], false);
  const said = new Response(response.body, { headers: { "content-length": "4" } });
  expect(await readReply(said, 3, never)).toBeUndefined();
  expect(cancelled()).toBe(true);
});

it("lets go when the signal fires, and throws its reason", async () => {
  const { response, cancelled } = watched(["a"], false);
  const ending = new AbortController();
  const read = readReply(response, 3, ending.signal);
  setTimeout(() => ending.abort(new Error("enough")), 20);
  await expect(read).rejects.toThrow("enough");
  expect(cancelled()).toBe(true);
});
