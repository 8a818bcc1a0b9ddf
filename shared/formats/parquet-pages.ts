/**
 * Reads the headers of a Parquet file's pages before any page is decoded. A page of a few bytes can claim any number of values, for
 * which its reader makes room at once.
 */
import type { AsyncBuffer } from "hyparquet";

export interface ChunkPlace {
  readonly offset: number;
  readonly bytes: number;
}

export interface ChunkPages {
  /** Values of all data pages, missing ones included. */
  readonly values: number;
  /** The most values of one page, a dictionary too. */
  readonly largest: number;
}

/** Headers are short, except for statistics, which may hold whole values. */
const WINDOW_BYTES = 64 << 10;
const MAX_HEADER_BYTES = 1 << 20;

/** Throws Error for headers that are no headers, and for pages that go beyond the chunk. */
export async function readPages(file: AsyncBuffer, { offset, bytes }: ChunkPlace): Promise<ChunkPages> {
  const end = offset + bytes;
  let window = { at: 0, bytes: new Uint8Array() };
  let values = 0;
  let largest = 0;
  for (let at = offset; at < end; ) {
    let header: PageHeader | undefined;
    for (let room = WINDOW_BYTES; header === undefined; room *= 4) {
      if (at < window.at || Math.min(end, at + room) > window.at + window.bytes.length) {
        const upTo = Math.min(end, at + Math.max(room, WINDOW_BYTES));
        window = { at, bytes: new Uint8Array(await file.slice(at, upTo)) };
      }
      header = headerAt(window.bytes, at - window.at);
      if (header === undefined && (at + room >= end || room > MAX_HEADER_BYTES)) {
        throw new Error("a page's header is cut off");
      }
    }
    if (header.isData) values += header.values;
    largest = Math.max(largest, header.values);
    at += header.length + header.bytes;
    if (at > end) throw new Error("a page is longer than its column");
  }
  return { values, largest };
}

interface PageHeader {
  readonly length: number;
  /** Of the page, compressed. */
  readonly bytes: number;
  readonly values: number;
  readonly isData: boolean;
}

/** The fields of a page's header that are read, by their numbers; see parquet.thrift. */
const COMPRESSED_SIZE = 3;
const HEADERS = { data: 5, dictionary: 7, dataV2: 8 } as const;
const VALUES = 1;

/** undefined if the header goes on beyond the bytes. */
function headerAt(bytes: Uint8Array, start: number): PageHeader | undefined {
  const reader = new CompactReader(bytes, start);
  try {
    const fields = reader.struct(0);
    const size = fields.get(COMPRESSED_SIZE);
    const of = (field: number) => {
      const inner = fields.get(field);
      return inner instanceof Map ? inner.get(VALUES) : undefined;
    };
    const counts = [of(HEADERS.data), of(HEADERS.dataV2)];
    const values = counts.find((count) => typeof count === "number") ?? of(HEADERS.dictionary) ?? 0;
    if (typeof size !== "number" || size < 0 || typeof values !== "number" || values < 0) {
      throw new Error("a page's header has no size");
    }
    const isData = counts.some((count) => count !== undefined);
    return { length: reader.at - start, bytes: size, values, isData };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

type Fields = ReadonlyMap<number, number | Fields>;

/** Thrift's compact protocol, as far as headers need it. Throws RangeError where the bytes end. */
class CompactReader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** The numbers of a struct and of the structs in it, by field. */
  struct(depth: number): Fields {
    if (depth > 8) throw new Error("a page's header is nested too deep");
    const fields = new Map<number, number | Fields>();
    let field = 0;
    for (;;) {
      const head = this.#byte();
      if (head === 0) return fields;
      field = head >> 4 === 0 ? this.#zigzag() : field + (head >> 4);
      const value = this.#value(head & 15, depth);
      if (value !== undefined) fields.set(field, value);
    }
  }

  #value(type: number, depth: number): number | Fields | undefined {
    switch (type) {
      case 1:
      case 2:
        return undefined;
      case 3:
        this.#skip(1);
        return undefined;
      case 4:
      case 5:
      case 6:
        return this.#zigzag();
      case 7:
        this.#skip(8);
        return undefined;
      case 8:
        this.#skip(this.#varint());
        return undefined;
      case 9:
      case 10:
        this.#list(depth);
        return undefined;
      case 12:
        return this.struct(depth + 1);
      default:
        throw new Error("a page's header is damaged");
    }
  }

  #list(depth: number): void {
    const head = this.#byte();
    const count = head >> 4 === 15 ? this.#varint() : head >> 4;
    for (let n = 0; n < count; n++) {
      // A list's truth values are a byte each.
      if ((head & 15) <= 2) this.#skip(1);
      else this.#value(head & 15, depth + 1);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new RangeError("the bytes end");
    this.at += 1;
    return byte;
  }

  #skip(count: number): void {
    this.at += count;
    if (this.at > this.#bytes.length) throw new RangeError("the bytes end");
  }

  #varint(): number {
    let value = 0;
    for (let power = 1; power < 2 ** 64; power *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * power;
      if (byte < 128) return value;
    }
    throw new Error("a page's header is damaged");
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
