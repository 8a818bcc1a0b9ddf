import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parquetMetadata } from "hyparquet";
import { describe, expect, test } from "vitest";
import { openParquet, type ParquetOptions } from "../../../shared/formats/parquet.ts";

const GOLDEN = join(import.meta.dirname, "../../golden/datasets");
const { chats } = JSON.parse(readFileSync(join(GOLDEN, "expected.json"), "utf8")) as {
  chats: Record<string, unknown>[];
};
/** As Arrow has it: null where another row has a field. */
const stored = JSON.parse(
  `[${readFileSync(join(GOLDEN, "chats.jsonl"), "utf8").trim().replaceAll("\n", ",")}]`,
) as unknown[];

const golden = (name: string) => new Uint8Array(readFileSync(join(GOLDEN, name)));

function open(bytes: Uint8Array, options: Partial<ParquetOptions> = {}) {
  const buffer = new Uint8Array(bytes).buffer;
  const file = { byteLength: buffer.byteLength, slice: (start: number, end?: number) => buffer.slice(start, end) };
  return openParquet(file, { name: "d.parquet", maxGroupBytes: 1 << 20, ...options });
}

async function read(bytes: Uint8Array, chosen = (_: string) => true, options: Partial<ParquetOptions> = {}) {
  const rows = [];
  for await (const row of (await open(bytes, options)).rows(chosen)) rows.push(row);
  return rows;
}

describe("what pyarrow writes is read back", () => {
  test.each(["none", "snappy", "gzip", "zstd", "groups"])("%s", async (name) => {
    const bytes = golden(`chats-${name}.parquet`);
    expect((await open(bytes)).columns).toEqual(Object.keys(chats[0]!));
    expect(await read(bytes)).toEqual(stored.map((value, at) => ({ number: at + 1, value })));
  });
});

test("bytes that are no text are not taken for one", async () => {
  const bytes = golden("chats-none.parquet");
  const at = Buffer.from(bytes).indexOf('{"a": 1}');
  bytes[at + 1] = 0xff;
  const [, second] = await read(bytes);
  expect(JSON.stringify(second)).toContain('"arguments":{"bytes that are not UTF-8":8}');
});

test("columns that are not chosen are not read, and null", async () => {
  const rows = await read(golden("chats-snappy.parquet"), (name) => name === "source");
  expect(rows.map(({ value }) => value)).toEqual(chats.map(({ source }) => ({ messages: null, source })));
});

test("rows without any chosen column still have their number and the columns' names", async () => {
  const rows = await read(golden("chats-groups.parquet"), () => false);
  expect(rows).toEqual([1, 2].map((number) => ({ number, value: { messages: null, source: null } })));
});

describe("a row group that is larger than the room for it", () => {
  const bytes = golden("chats-indexed.parquet");

  test("is read in parts where its pages are indexed", async () => {
    const whole = await read(bytes);
    expect(whole.map(({ number }) => number)).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
    const sources = whole.map(({ value }) => (value as { source: string }).source);
    expect(sources.map((source) => Number.parseInt(source, 10))).toEqual(whole.map((_, i) => i));
    for (const maxGroupBytes of [40_000, 16_000])
      expect(await read(bytes, () => true, { maxGroupBytes })).toEqual(whole);
    const messages = (name: string) => name === "messages";
    expect(await read(bytes, messages, { maxGroupBytes: 9000 })).toEqual(await read(bytes, messages));
  });

  test("is refused where a part is too large all the same", async () => {
    await expect(read(bytes, () => true, { maxGroupBytes: 1500 })).rejects.toMatchObject({
      code: "payload_too_large",
      message: expect.stringMatching(
        /with more than that for \d+ rows, and at most 1500 bytes and 2000000 values are read at a time/,
      ),
    });
  });
});

describe("refusing", () => {
  test.each<[string, Uint8Array, string, Partial<ParquetOptions>?]>([
    [
      "another compression",
      golden("chats-brotli.parquet"),
      'is compressed with BROTLI; write it with compression="snappy"',
    ],
    [
      "a cut off file",
      golden("chats-none.parquet").subarray(0, 2000),
      "d.parquet is not a Parquet file that can be read",
    ],
    ["four bytes", Uint8Array.of(0x50, 0x41, 0x52, 0x31), "d.parquet is not a Parquet file that can be read"],
    ["too many rows", golden("chats-none.parquet"), "d.parquet has 2 rows; at most 1 are allowed", { maxRows: 1 }],
    [
      "a large row group",
      golden("chats-none.parquet"),
      "write it with smaller ones (row_group_size=1000)",
      { maxGroupBytes: 99 },
    ],
  ])("%s", async (_name, bytes, message, options) => {
    await expect(read(bytes, () => true, options)).rejects.toThrow(message);
  });

  test("damage anywhere is an error of the file, or harmless", async () => {
    const bytes = golden("chats-snappy.parquet");
    for (let at = 4; at < bytes.length; at += 13) {
      const odd = bytes.slice();
      odd[at]! ^= 0x55;
      const outcome = await read(odd).then(
        () => "read",
        (error: { code?: string }) => error.code,
      );
      expect(["read", "invalid_file", "payload_too_large"], `byte ${at}`).toContain(outcome);
    }
  });
});

describe("a small file that stands for a lot", () => {
  test("is refused once its rows hold more than they may", async () => {
    const bytes = golden("bomb-dictionary.parquet");
    expect(bytes.length).toBeLessThan(2000);
    await expect(read(bytes, () => true, { maxUnpackedBytes: 1_000_000 })).rejects.toMatchObject({
      code: "payload_too_large",
      message: "d.parquet unpacks to more than 1000000 bytes; split it into several files",
    });
  });

  test("is refused before the first of its rows is handed out", async () => {
    const table = await open(golden("bomb-dictionary.parquet"), {
      maxUnpackedBytes: 400 << 20,
      maxGroupBytes: 48 << 20,
    });
    const rows = table.rows(() => true);
    await expect(rows.next()).rejects.toMatchObject({ code: "payload_too_large" });
  });

  test("is refused before room is made for more values than are read at a time", async () => {
    const bytes = golden("bomb-lists.parquet");
    expect(bytes.length).toBeLessThan(2000);
    await expect(read(bytes, () => true)).rejects.toMatchObject({
      code: "payload_too_large",
      message: expect.stringMatching(/has a row group of 5000001 values/),
    });
    // Columns that are not read cost nothing.
    expect(await read(bytes, (column) => column === "text")).toMatchObject([{ value: { text: "t", inputs: null } }]);
  });

  test("is damaged if its pages hold more than its footer says", async () => {
    const bytes = golden("chats-none.parquet");
    const { row_groups: groups } = parquetMetadata(bytes.slice().buffer);
    const { meta_data: meta } = groups[0]!.columns[0]!;
    const page = Number(meta!.data_page_offset);
    // The header's number of values, in its fifth field: a zigzag varint after the sizes.
    const at = bytes.findIndex((byte, index) => index > page && byte === 0x15 && bytes[index - 1] === 0x2c) + 1;
    bytes[at] = 0x7e;
    await expect(read(bytes, () => true)).rejects.toMatchObject({
      code: "invalid_file",
      message: expect.stringMatching(/pages hold \d+ values, which is more than its footer says/),
    });
  });
});
