import { expect, it, vi } from "vitest";
import { lineStream } from "../../../edge/blobs/line-stream.ts";
import { TrimtabError } from "../../../shared/errors.ts";

const encoder = new TextEncoder();

it("lines are sent as they are made, and a failure is the last of them", async () => {
  async function* good() {
    yield encoder.encode("1\n");
    yield encoder.encode("2\n");
  }
  expect(await new Response(lineStream(good())).text()).toBe("1\n2\n");
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  async function* bad() {
    yield encoder.encode("1\n");
    throw new TrimtabError("corrupt_blob", "It has rotted.");
  }
  const [first, last, end] = (await new Response(lineStream(bad())).text()).split("\n");
  expect([first, end]).toEqual(["1", ""]);
  expect(JSON.parse(last!)).toMatchObject({ error: { code: "corrupt_blob", message: "It has rotted." } });
  log.mockRestore();
});

it("a reader that leaves ends the lines", async () => {
  let left = false;
  async function* endless() {
    try {
      for (;;) yield encoder.encode("1\n");
    } finally {
      left = true;
    }
  }
  const reader = lineStream(endless()).getReader();
  await reader.read();
  await reader.cancel();
  expect(left).toBe(true);
});
