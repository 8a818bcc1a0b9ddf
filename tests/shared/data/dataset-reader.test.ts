import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync as gzipBuffer } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createDatasetReader } from "../../../shared/data/dataset-reader.ts";

const GOLDEN = join(import.meta.dirname, "../../golden/datasets");
const encode = (text: string) => new TextEncoder().encode(text);
const gzipSync = (text: string) => new Uint8Array(gzipBuffer(text));

function read(bytes: Uint8Array, step: number) {
  const reader = createDatasetReader({ name: "d", maxUnpackedBytes: 1 << 20 });
  const records = [];
  for (let at = 0; at < bytes.length; at += step) {
    const chunk = bytes.slice(at, at + step);
    records.push(...reader.push(chunk));
    chunk.fill(0);
  }
  records.push(...reader.end());
  return { form: reader.form, compression: reader.compression, values: records.map(({ value }) => value) };
}

const ROW = { prompt: "p", completion: "c" };
const LINE = JSON.stringify(ROW);

describe("the form is known by the bytes, with or without gzip, in chunks of any size", () => {
  test.each<[string, string, string]>([
    ["lines", "jsonl", `${LINE}\n`],
    ["a line without an end", "jsonl", LINE],
    ["lines after blank ones", "jsonl", `\n\r\n${LINE}\n`],
    ["lines with a byte order mark", "jsonl", `\ufeff${LINE}\n`],
    ["a list", "json", `[${LINE}]`],
    ["a printed list", "json", JSON.stringify([ROW], null, 2)],
    ["a list after blank lines", "json", `\n\n [\n${LINE}\n]\n`],
    ["a printed object", "json", JSON.stringify(ROW, null, 2)],
    ["an object around a list", "json", `{"version":"1","data":[${LINE}]}`],
    ["a printed object around a list", "json", JSON.stringify({ rows: [ROW], more: { a: [1] } }, null, 2)],
    ["a table", "csv", "prompt,completion\np,c\n"],
    ["a quoted header", "csv", '"prompt";"completion"\r\n"p";"c"\r\n'],
    ["a table with tabs", "csv", "prompt\tcompletion\np\tc"],
  ])("%s", (_name, form, text) => {
    for (const step of [1, 3, 1000]) {
      expect(read(encode(text), step)).toEqual({ form, compression: null, values: [ROW] });
      expect(read(gzipSync(text), step)).toEqual({ form, compression: "gzip", values: [ROW] });
    }
  });

  test("a table of other columns is a table, and text that is none is read as lines", () => {
    expect(read(encode("foo,bar\n1,2\n"), 4).form).toBe("csv");
    expect(read(encode("text\nhello\n"), 4).form).toBe("csv");
    expect(() => read(encode("just words\n"), 4)).toThrow("line 1 of d is not valid JSON");
  });

  test("Parquet gives no records as it arrives", () => {
    expect(read(encode("PAR1 and more\n"), 3)).toEqual({ form: "parquet", compression: null, values: [] });
  });
});

test.each([1, 7, 1000])("zstd is unpacked, in chunks of %i bytes", (step) => {
  const { pairs } = JSON.parse(readFileSync(join(GOLDEN, "expected.json"), "utf8")) as { pairs: unknown[] };
  const frames = new Uint8Array(readFileSync(join(GOLDEN, "frames.jsonl.zst")));
  expect(read(frames, step)).toEqual({ form: "jsonl", compression: "zstd", values: pairs });
});

test.each([1, 1000])("zstd whose first frame is to be skipped is unpacked, in chunks of %i bytes", (step) => {
  const frames = new Uint8Array(readFileSync(join(GOLDEN, "frames.jsonl.zst")));
  const skipped = Uint8Array.of(0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3, ...frames);
  expect(read(skipped, step)).toEqual(read(frames, step));
});

test.each<[string, Uint8Array, string]>([
  [
    "a workbook",
    Uint8Array.of(0x50, 0x4b, 3, 4, 10, 10),
    "d is a zip archive or an Excel workbook; upload the file inside it",
  ],
  ["bzip2", encode("BZh9"), "d is compressed with bzip2; unpack it, or compress it with gzip"],
  ["Arrow", encode("ARROW1\0\0\n"), "d is an Arrow file; save it with to_parquet"],
  ["a pickle", Uint8Array.of(0x80, 4, 0x95, 10), "d is a pickle file, which can run code and is never read"],
  ["Parquet in gzip", gzipSync("PAR1\n"), "d is a Parquet file in gzip; upload it without, since"],
  ["a tar archive in gzip", gzipSync(`${"x".repeat(257)}ustar\n`), "d is an archive with files in it"],
  ["nothing", new Uint8Array(), "d is empty"],
  ["gzip of nothing", gzipSync(""), "d is empty"],
])("%s is refused, with what to do", (_name, bytes, message) => {
  expect(() => read(bytes, 1000)).toThrow(message);
});

test("a task file's instances are records with the task's definition, also of several tasks in lines", () => {
  const task = {
    Contributors: ["n"],
    Definition: ["Say it twice."],
    "Positive Examples": [{ input: "a", output: "a a" }],
  };
  const instances = [{ id: "1", input: "b", output: ["b b"] }];
  const record = { Definition: ["Say it twice."], ...instances[0] };
  const line = JSON.stringify({ ...task, Instances: instances });
  for (const text of [line, JSON.stringify({ ...task, Instances: instances }, null, 4)]) {
    for (const step of [1, 50, 1 << 16]) {
      expect(read(encode(text), step)).toEqual({ form: "json", compression: null, values: [record] });
    }
  }
  expect(read(encode(`${line}\n${line}\n`), 99).values).toEqual([record, record]);
  // The examples of some tasks are longer than what a file is recognised by.
  const long = { ...task, "Positive Examples": [{ input: "x".repeat(1 << 17), output: "x" }], Instances: instances };
  expect(read(encode(JSON.stringify(long)), 1 << 14).values).toEqual([record]);
});
