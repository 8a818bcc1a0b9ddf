import { expect, it, vi } from "vitest";
import { sseData, sseResponse } from "../../../edge/routes/sse.ts";

it("lines are sent as they are made, none before it is asked for, and none after the reader left", async () => {
  const made: number[] = [];
  let left = false;
  async function* lines(): AsyncGenerator<string, void> {
    try {
      for (let i = 0; ; i++) {
        made.push(i);
        yield sseData({ i });
      }
    } finally {
      left = true;
    }
  }
  const response = sseResponse(lines());
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(made).toEqual([]);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toBe('data: {"i":0}\n\n');
  await reader.cancel();
  expect([made, left]).toEqual([[0], true]);
});

it("line breaks inside a value do not end its line", () => {
  expect(sseData("a\nb")).toBe('data: "a\\nb"\n\n');
});

it("a failure between two lines is told as an error, and never ends like a whole reply", async () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  async function* lines(): AsyncGenerator<string, void> {
    yield sseData({ i: 0 });
    throw new Error("the object was reset");
  }
  const text = await sseResponse(lines()).text();
  expect(text).toMatch(/^data: {"i":0}\n\ndata: {"error":{.*"code":"internal_error"}}\n\n$/);
  expect(text).not.toContain("the object was reset");
  log.mockRestore();
});
