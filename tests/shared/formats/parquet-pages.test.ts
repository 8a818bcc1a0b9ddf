import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parquetMetadata } from "hyparquet";
import { expect, it } from "vitest";
import { readPages } from "../../../shared/formats/parquet-pages.ts";

const FOLDER = join(import.meta.dirname, "../../golden/datasets");
const golden = (name: string) => new Uint8Array(readFileSync(join(FOLDER, name)));

/** A file that counts how often it was asked. */
function stored(bytes: Uint8Array) {
  const asked: number[] = [];
  const slice = async (start: number, end = bytes.length) => {
    asked.push(end - start);
    return bytes.slice(start, end).buffer as ArrayBuffer;
  };
  return { file: { byteLength: bytes.length, slice }, asked };
}

it("counts the values that the footer of real files names", async () => {
  for (const name of ["chats-groups.parquet", "chats-indexed.parquet", "chats-zstd.parquet"]) {
    const bytes = golden(name);
    const { file, asked } = stored(bytes);
    for (const group of parquetMetadata(bytes.slice().buffer).row_groups) {
      for (const { meta_data: meta } of group.columns) {
        const offset = Number(meta!.dictionary_page_offset ?? meta!.data_page_offset);
        const place = { offset, bytes: Number(meta!.total_compressed_size) };
        const { values, largest } = await readPages(file, place);
        expect(values).toBe(Number(meta!.num_values));
        expect(largest).toBeLessThanOrEqual(Math.max(values, 1));
      }
    }
    expect(Math.max(...asked)).toBeLessThanOrEqual(64 << 10);
  }
});

/** A page's header by its sizes and its number of values, in Thrift's compact protocol. */
function header(size: number, values: number): number[] {
  const zigzag = (value: number) => {
    const bytes: number[] = [];
    for (let left = 2 * value; ; left = Math.floor(left / 128)) {
      if (left < 128) return [...bytes, left];
      bytes.push((left % 128) + 128);
    }
  };
  // type, both sizes, and the header of a data page
  return [0x15, 0, 0x15, ...zigzag(size), 0x15, ...zigzag(size), 0x2c, 0x15, ...zigzag(values), 0x15, 0, 0, 0];
}

it("sees what pages claim, without making room for it", async () => {
  const page = [...header(3, 2_000_000_000), 1, 2, 3];
  const bytes = Uint8Array.from([9, 9, ...page, ...page]);
  const { file } = stored(bytes);
  const pages = await readPages(file, { offset: 2, bytes: bytes.length - 2 });
  expect(pages).toEqual({ values: 4_000_000_000, largest: 2_000_000_000 });
});

it("refuses what is no header, and pages that do not fit", async () => {
  for (const [bytes, message] of [
    [[...header(50, 1), 1, 2], /a page is longer than its column/],
    [header(3, 1).slice(0, 5), /header is cut off/],
    [[0xff, 0xff, 0xff], /damaged|cut off/],
    [[0x00], /has no size/],
    [[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f], /cut off/],
    [Array.from({ length: 99 }, () => 0x1c), /nested too deep/],
  ] as const) {
    const { file } = stored(Uint8Array.from(bytes));
    await expect(readPages(file, { offset: 0, bytes: bytes.length })).rejects.toThrow(message);
  }
});
