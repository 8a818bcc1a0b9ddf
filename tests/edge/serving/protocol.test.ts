import { describe, expect, it } from "vitest";
import { decodeEvents, encodeEvent, type GenerateEvent } from "../../../edge/serving/protocol.ts";

const EVENTS: GenerateEvent[] = [
  { type: "token", choice: 0, text: 'line\nbreak "quoted" \\' },
  {
    type: "token",
    choice: 1,
    text: "𝄞 und ü",
    logprobs: [{ id: 3, token: "ü", bytes: [195, 188], logprob: -0.5, top: [] }],
  },
  { type: "finish", choice: 0, reason: "stop" },
  { type: "usage", promptTokens: 3, completionTokens: 4, cachedTokens: 0 },
];
const BYTES = EVENTS.flatMap((event) => [...encodeEvent(event)]);

/** A body in pieces of `size` bytes; `cancelled` counts how often its reader left early. */
function body(bytes: readonly number[], size: number) {
  let at = 0;
  const seen = { cancelled: 0 };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(Uint8Array.from(bytes.slice(at, at + size)));
      at += size;
    },
    cancel() {
      seen.cancelled++;
    },
  });
  return { stream, seen };
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of decodeEvents(stream)) events.push(event);
  return events;
}

describe("encodeEvent", () => {
  it("writes one line an event, whatever its text holds", () => {
    const lines = new TextDecoder().decode(Uint8Array.from(BYTES)).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line) as GenerateEvent)).toEqual(EVENTS);
  });
});

describe("decodeEvents", () => {
  it.each([1, 2, 3, 7, 64, 10_000])("reads events that come in pieces of %d bytes", async (size) => {
    const { stream, seen } = body(BYTES, size);
    expect(await collect(stream)).toEqual(EVENTS);
    expect(seen.cancelled).toBe(0);
    expect(stream.locked).toBe(false);
  });

  it("gives each event when it is whole, not before and not later", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const events = decodeEvents(readable);
    const first = encodeEvent(EVENTS[0]!);
    void writer.write(first.slice(0, 5));
    void writer.write(first.slice(5));
    expect(await events.next()).toEqual({ done: false, value: EVENTS[0] });
    void writer.close();
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("says so when the answer breaks off inside an event", async () => {
    const { stream } = body(BYTES.slice(0, -3), 16);
    const got: GenerateEvent[] = [];
    const reading = (async () => {
      for await (const event of decodeEvents(stream)) got.push(event);
    })();
    await expect(reading).rejects.toMatchObject({
      code: "internal_error",
      message: "The engine's answer broke off. Send the request again.",
    });
    expect(got).toEqual(EVENTS.slice(0, 3));
  });

  it("cancels the answer when its reader leaves early", async () => {
    const { stream, seen } = body(BYTES, 8);
    for await (const event of decodeEvents(stream)) {
      expect(event).toEqual(EVENTS[0]);
      break;
    }
    expect(seen.cancelled).toBe(1);
    expect(stream.locked).toBe(false);
  });
});
