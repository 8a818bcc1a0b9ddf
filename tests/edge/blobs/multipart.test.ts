import { describe, expect, it } from "vitest";
import { formBoundary, formParts } from "../../../edge/blobs/multipart.ts";
import { chunked } from "../support/streams.ts";

const encoder = new TextEncoder();

interface ReadPart {
  name: string;
  filename: string | null;
  text: string;
}

async function read(text: string, size = 1 << 20, maxBytes = 1 << 20): Promise<ReadPart[]> {
  const parts: ReadPart[] = [];
  for await (const { name, filename, chunks } of formParts(chunked(encoder.encode(text), size), "b", maxBytes)) {
    let whole = "";
    const decoder = new TextDecoder();
    for await (const chunk of chunks) whole += decoder.decode(chunk, { stream: true });
    parts.push({ name, filename, text: whole + decoder.decode() });
  }
  return parts;
}

const part = (disposition: string, body: string) =>
  `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;

describe("formParts", () => {
  const tricky = "a\r\n--\r\n-b\r\n--c\n\r\r\n--ü";
  const form = `${part('name="file"; filename="a \\"b\\".jsonl"', tricky)}${part('name="purpose"', "")}--b--\r\nepilogue`;

  it.each([1, 2, 3, 5, 8, 13, 1000])("reads a form that comes in chunks of %i bytes", async (size) => {
    expect(await read(form, size)).toEqual([
      { name: "file", filename: 'a "b".jsonl', text: tricky },
      { name: "purpose", filename: null, text: "" },
    ]);
  });

  it("reads what real clients send", async () => {
    const data = new FormData();
    data.set("purpose", "fine-tune");
    data.set("file", new File(["x".repeat(100_000)], 'name "quoted".jsonl'));
    const response = new Response(data);
    const boundary = formBoundary(response.headers.get("content-type") ?? undefined, "`file`");
    const names: string[] = [];
    for await (const { name, chunks } of formParts(response.body as ReadableStream<Uint8Array>, boundary, 1 << 20)) {
      let bytes = 0;
      for await (const chunk of chunks) bytes += chunk.byteLength;
      names.push(`${name} ${bytes}`);
    }
    expect(names).toEqual(["purpose 9", "file 100000"]);
  });

  it("reads values that .NET sends without quotes", async () => {
    const disposition = "name=file; filename=train.jsonl; filename*=utf-8''train.jsonl";
    expect(await read(`${part(disposition, "x")}--b--`)).toEqual([
      { name: "file", filename: "train.jsonl", text: "x" },
    ]);
  });

  it("goes on to the next part when a part's chunks were not read", async () => {
    const names: string[] = [];
    for await (const { name } of formParts(chunked(encoder.encode(form), 4), "b", 1000)) names.push(name);
    expect(names).toEqual(["file", "purpose"]);
  });

  it("takes a preamble, and a form without parts", async () => {
    expect(await read(`preamble\r\n${part('name="a"', "x")}--b--`)).toEqual([{ name: "a", filename: null, text: "x" }]);
    expect(await read("--b--")).toEqual([]);
  });

  it.each([
    ["", /ends in the middle/],
    ["--b", /ends in the middle/],
    [part('name="a"', "x"), /ends in the middle/],
    ["--b\r\n\r\nx\r\n--b--", /without a name/],
    [part("filename=x", "x"), /without a name/],
    [`--b\r\nx: ${"y".repeat(9000)}\r\n\r\n--b--`, /headers that are too long/],
    [`${"p".repeat(9000)}\r\n--b--`, /headers that are too long/],
    [`${part('name="a"', "x").repeat(17)}--b--`, /more than 16 parts/],
  ])("refuses %#", async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it("stops reading at its limit", async () => {
    await expect(read(form, 8, 40)).rejects.toMatchObject({ code: "payload_too_large", param: "file" });
  });
});

describe("formBoundary", () => {
  it("is found with and without quotes", () => {
    expect(formBoundary("multipart/form-data; boundary=abc", "`file`")).toBe("abc");
    expect(formBoundary('Multipart/Form-Data; charset=utf-8; boundary="a b"', "`file`")).toBe("a b");
  });

  it.each([
    undefined,
    "",
    "application/json",
    "multipart/form-data",
    `multipart/form-data; boundary=${"x".repeat(71)}`,
  ])("is missing in %j", (type) =>
    expect(() => formBoundary(type, "`file`")).toThrow("multipart/form-data with the fields `file`"),
  );
});

it("a body that breaks off is told from one that ends too early", async () => {
  const pieces = [encoder.encode(part('name="file"', "abc")), undefined];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.error(new Error("Network connection lost."));
      else controller.enqueue(piece);
    },
  });
  const all = async () => {
    for await (const { chunks } of formParts(body, "b", 1 << 20)) for await (const _ of chunks);
  };
  await expect(all()).rejects.toMatchObject({ code: "invalid_request", message: expect.stringContaining("broke off") });
});
