import { env } from "cloudflare:test";
import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { receiveDataset } from "../../../edge/blobs/receive-dataset.ts";
import { joinBytes } from "../../../shared/formats/join-bytes.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { CHAT_LINES } from "../support/api.ts";
import { chunked } from "../support/streams.ts";

/** One pair, written by pyarrow with snappy. */
const PARQUET = Uint8Array.from(
  atob(
    "UEFSMRUEFQoVDkwVAhUAEgAABRABAAAAcBUAFRIVFiwVAhUQFQYVBhwAAAAJIAIAAAACAQECABUEFQoVDkwVAhUAEgAABRABAAAAYxUAFRIVFiwVAhUQFQYVBhwAAAAJIAIAAAACAQECABUEFRAVFEwVAhUAEgAACBwBAAAAAAAAABUAFRIVFiwVAhUQFQYVBhwAAAAJIAIAAAACAQECABUEGUw1ABgGc2NoZW1hFQYAFQwlAhgGcHJvbXB0JQBMHAAAABUMJQIYCmNvbXBsZXRpb24lAEwcAAAAFQQlAhgBbgAWAhkcGTwmABwVDBk1AAYQGRgGcHJvbXB0FQIWAhZeFmYmMiYIKSwVBBUAFQIAFQAVEBUCADwWAhkGGSYAAgAAACYAHBUMGTUABhAZGApjb21wbGV0aW9uFQIWAhZeFmYmmAEmbiksFQQVABUCABUAFRAVAgA8FgIZBhkmAAIAAAAmABwVBBk1AAYQGRgBbhUCFgIWZBZsJoQCJtQBKSwVBBUAFQIAFQAVEBUCADwpBhkmAAIAAAAWoAIWAiYIFrgCACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZPBwAABwAABwAAAAzAQAAUEFSMQ==",
  ),
  (letter) => letter.charCodeAt(0),
);

const completion = { prompt: "a", completion: "b" };

/** A form with these bytes as its file. */
function formOf(file: Uint8Array, size = 100): { body: ReadableStream<Uint8Array>; boundary: string } {
  const encode = (text: string) => new TextEncoder().encode(text);
  const body = joinBytes([
    encode('--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\n'),
    file,
    encode('\r\n--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b--\r\n'),
  ]);
  return { body: chunked(body, size), boundary: "b" };
}

function form(lines: readonly unknown[], size = 100): { body: ReadableStream<Uint8Array>; boundary: string } {
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  const body = `--b\r\ncontent-disposition: form-data; name="file"; filename="x.jsonl"\r\n\r\n${text}\r\n--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b--\r\n`;
  return { body: chunked(new TextEncoder().encode(body), size), boundary: "b" };
}

/** A zstd frame of one block that is not compressed. */
function zstdOf(bytes: Uint8Array): Uint8Array {
  const header = (bytes.length << 3) | 1;
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, header & 255, (header >> 8) & 255, header >> 16, ...bytes]);
}

it("lets others have their turn while it reads a large file, packed or not", async () => {
  const lines = new TextEncoder().encode(
    `${JSON.stringify({ ...completion, more: "y".repeat(200) })}\n`.repeat(20_000),
  );
  for (const bytes of [lines, gzipSync(lines)]) {
    let turns = 0;
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      turns++;
      timer = setTimeout(tick, 0);
    };
    timer = setTimeout(tick, 0);
    // All of it in one chunk.
    const received = await receiveDataset(formOf(bytes, 1 << 30), env.BLOBS, "dataset/turns");
    clearTimeout(timer);
    expect(received.lines).toBe(20_000);
    expect(turns).toBeGreaterThanOrEqual(Math.floor(lines.byteLength / (1 << 20)));
  }
});

describe("receiveDataset", () => {
  it("says what the lines are and how many can be learned from", async () => {
    const [user, assistant] = CHAT_LINES[0]?.messages ?? [];
    const lines = [
      ...CHAT_LINES,
      { messages: [user, { ...assistant, weight: 0 }] },
      { messages: [user] },
      { messages: [user, { role: "assistant", content: "" }] },
    ];
    expect(await receiveDataset(form(lines, 7), env.BLOBS, "dataset/a")).toMatchObject({
      filename: "x.jsonl",
      format: "chat",
      lines: 5,
      trainable: 2,
    });
    expect(await env.BLOBS.head("dataset/a")).not.toBeNull();
  });

  it("knows the kinds that a file is of, and why it is not of others", async () => {
    const labelled = (label: unknown, text = "t") => ({ text, label });
    const received = async (...lines: object[]) => receiveDataset(form(lines), env.BLOBS, "dataset/kinds");
    expect(await received(labelled("a"), labelled("b"))).toMatchObject({
      format: "completion",
      trainable: 2,
      dataset: { kinds: ["examples", "labelled_texts"], ignored_columns: [] },
    });
    const { dataset } = await received(labelled("a"), labelled(["b"]));
    expect(dataset).toMatchObject({ kinds: ["examples"], ignored_columns: ["label"] });
    expect(dataset.unfit?.labelled_texts).toContain("line 2 of the file: label: must be the name of a class");
    expect(await received({ positive: "p", negative: "n" })).toMatchObject({
      format: "contrast_pairs",
      dataset: { kinds: ["contrast_pairs", "condition_prompts"], layouts: ["contrast pair"] },
    });
    const csv = new TextEncoder().encode("text,label\ngood,1\nbad,0\n");
    expect(await receiveDataset(formOf(csv), env.BLOBS, "dataset/labels")).toMatchObject({
      dataset: { format: "csv", kinds: ["examples", "labelled_texts"] },
    });
    await expect(received({ positive: "p", negative: "n" }, { positive: "p" })).rejects.toMatchObject({
      code: "invalid_file",
      param: "file",
      message: expect.stringContaining("line 2 of the file is not a contrast pair"),
    });
  });

  it("knows mixtures", async () => {
    expect(await receiveDataset(form([completion]), env.BLOBS, "dataset/b")).toMatchObject({
      format: "completion",
      trainable: 1,
    });
    expect(await receiveDataset(form([completion, ...CHAT_LINES]), env.BLOBS, "dataset/c")).toMatchObject({
      format: "mixed",
    });
  });

  it("keeps nothing of what is wrong, at its end too", async () => {
    const good = Array.from({ length: 50 }, () => completion);
    await expect(receiveDataset(form([...good, {}]), env.BLOBS, "dataset/d")).rejects.toMatchObject({
      code: "invalid_file",
      param: "file",
      data: { line: 51 },
    });
    expect(await env.BLOBS.head("dataset/d")).toBeNull();
  });

  it("reads every form, says what it took the file for, and keeps the bytes as they came", async () => {
    const csv = new TextEncoder().encode('prompt,completion,n\n"a, b",c,1\nd,e,2\n');
    const json = new TextEncoder().encode(JSON.stringify(CHAT_LINES, null, 2));
    for (const [name, bytes, facts] of [
      ["csv", csv, { format: "csv", examples: 2, layouts: ["prompt and completion"], ignored_columns: ["n"] }],
      ["json", json, { format: "json", examples: CHAT_LINES.length, layouts: ["chat"] }],
      ["zst", zstdOf(csv), { format: "csv", compression: "zstd", examples: 2 }],
      ["gz", gzipSync(csv), { format: "csv", compression: "gzip", examples: 2 }],
      [
        "parquet",
        PARQUET,
        { format: "parquet", examples: 1, layouts: ["prompt and completion"], ignored_columns: ["n"] },
      ],
    ] as const) {
      const key = `dataset/form-${name}`;
      expect(await receiveDataset(formOf(bytes, 7), env.BLOBS, key)).toMatchObject({ dataset: facts });
      const stored = await env.BLOBS.get(key);
      expect(new Uint8Array(await stored!.arrayBuffer())).toEqual(bytes);
    }
  });

  it("names the row of a table that is wrong, and keeps nothing of a damaged one", async () => {
    const csv = new TextEncoder().encode("prompt,completion\na,b\nc,\n");
    await expect(receiveDataset(formOf(csv), env.BLOBS, "dataset/e")).rejects.toMatchObject({
      param: "file",
      message: "row 2 of the file: completion: must not be empty",
    });
    const odd = PARQUET.slice(0, -20);
    await expect(receiveDataset(formOf(odd), env.BLOBS, "dataset/f")).rejects.toMatchObject({
      code: "invalid_file",
      param: "file",
    });
    expect(await env.BLOBS.head("dataset/f")).toBeNull();
  });

  it("stops at a bomb", async () => {
    const bomb = gzipSync(new Uint8Array(LIMITS.unpackedFile / 8).fill(0x20));
    const eight = joinBytes(Array.from({ length: 9 }, () => bomb));
    await expect(receiveDataset(formOf(eight, 65536), env.BLOBS, "dataset/g")).rejects.toMatchObject({
      code: expect.stringMatching(/payload_too_large|invalid_file/),
    });
  });
});
