/**
 * What the Engine relies on in ONNX Runtime's GroupQueryAttention kernel, checked against float64 attention recomputed from
 * all keys and values:
 *
 * - Past and present may be the same memory: the kernel writes the new keys and values at each row's own position and
 *   leaves every other position unchanged.
 * - `seqlens_k` [B] i32 is each row's total length, the new tokens included, minus 1; `total_sequence_length` [] i32 is
 *   the longest total. A row of a decoding batch (T = 1) may have any length up to that.
 * - A chunk of T > 1 tokens after a non-empty past works for B = 1 only. The kernel takes T = total_sequence_length to mean an
 *   empty past.
 * - Several rows may start together (T > 1, empty pasts), padded on the right, each with its own `seqlens_k`, but only if the
 *   kernel applies the rotary embedding, as it does for head widths that are multiples of 16. For other widths the encoder
 *   applies it before the kernel, from positions that end at `seqlens_k`.
 * - A position outside the cache is rejected before anything is written.
 * - `attention_bias` [1, 1, T, total] hides entries of the cache exactly, so that tokens of one chunk need not see each other.
 *   The encoder then applies the rotary embedding, at any positions.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { loadOrtModule, type OrtModule } from "../../../edge/runtime/ort-module.ts";
import { allocateTensor, type ResidentTensor, residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { createSession, type Session } from "../../../edge/runtime/session.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { encodeOnnx } from "../../../shared/graph/onnx.ts";
import { f32, i64, tensor } from "../../../shared/tensor.ts";

const HEADS = 4;
const KV_HEADS = 2;
const CAPACITY = 24;
const SLOTS = 4;
const UNWRITTEN = 123;
/** P, the width of a head. */
let width = 16;

const rowSize = (): number => KV_HEADS * CAPACITY * width;

interface Token {
  readonly query: readonly number[];
  readonly key: readonly number[];
  readonly value: readonly number[];
}

let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 31 - 1;
};
const vector = (length: number): number[] => Array.from({ length }, () => Math.fround(random()));
const tokens = (count: number): Token[] =>
  Array.from({ length: count }, () => ({
    query: vector(HEADS * width),
    key: vector(KV_HEADS * width),
    value: vector(KV_HEADS * width),
  }));

const angle = (position: number, i: number): number => position * 10000 ** ((-2 * i) / width);

/** A graph of one attention node over a cache [batch, KV_HEADS, CAPACITY, width]; `siblings`: with positions and a bias. */
function attentionGraph(siblings = false): Uint8Array {
  const g = new GraphBuilder("attention");
  const cache = ["batch", KV_HEADS, CAPACITY, width] as const;
  const [y, presentKey, presentValue] = g.emit(
    "groupQueryAttention",
    [
      g.input("query", "f32", ["batch", "seq", HEADS * width]),
      g.input("key", "f32", ["batch", "seq", KV_HEADS * width]),
      g.input("value", "f32", ["batch", "seq", KV_HEADS * width]),
      g.input("past_key", "f32", cache),
      g.input("past_value", "f32", cache),
      g.input("last_index", "i32", ["batch"]),
      g.input("longest", "i32", []),
      g.input("cos", "f32", [CAPACITY, width / 2]),
      g.input("sin", "f32", [CAPACITY, width / 2]),
      ...(siblings
        ? [g.input("positions", "i64", ["batch", "seq"]), g.input("bias", "f32", [1, 1, "seq", "longest"])]
        : []),
    ],
    { heads: HEADS, kvHeads: KV_HEADS },
  );
  return encodeOnnx(g.build({ y: y!, present_key: presentKey!, present_value: presentValue! }));
}

function rotate(x: readonly number[], position: number): number[] {
  const half = width / 2;
  return x.map((_, j) => {
    const i = j % half;
    const [first, second] = [x[i]!, x[i + half]!];
    const [cos, sin] = [Math.cos(angle(position, i)), Math.sin(angle(position, i))];
    return j < half ? first * cos - second * sin : second * cos + first * sin;
  });
}

const head = (x: readonly number[], index: number): number[] => x.slice(index * width, (index + 1) * width);

/** The output for the last token of `history`. */
function attend(history: readonly Token[]): number[] {
  const position = history.length - 1;
  return Array.from({ length: HEADS }, (_, h) => {
    const query = rotate(head(history[position]!.query, h), position);
    const kv = Math.floor((h * KV_HEADS) / HEADS);
    const weights = history.map(({ key }, p) => {
      const rotated = rotate(head(key, kv), p);
      return Math.exp(query.reduce((sum, q, i) => sum + q * rotated[i]!, 0) / Math.sqrt(width));
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return Array.from({ length: width }, (_, i) =>
      history.reduce((sum, { value }, p) => sum + (weights[p]! / total) * head(value, kv)[i]!, 0),
    );
  }).flat();
}

let ort: OrtModule;
let session: Session;
/** Of a graph that takes positions and a bias. */
let besideEachOther: Session;
let cos: ResidentTensor;
let sin: ResidentTensor;

class Cache {
  readonly key = allocateTensor(ort, "f32", [SLOTS, KV_HEADS, CAPACITY, width]);
  readonly value = allocateTensor(ort, "f32", [SLOTS, KV_HEADS, CAPACITY, width]);

  constructor() {
    this.key.view().fill(UNWRITTEN);
    this.value.view().fill(UNWRITTEN);
  }

  /** Runs rows from `first` on; `chunks[b]` are row b's new tokens, padded to one length. Returns the outputs per token. */
  run(
    first: number,
    chunks: readonly (readonly Token[])[],
    lastIndex: readonly number[],
    longest: number,
    siblings: Readonly<Record<string, ResidentTensor>> = {},
  ): number[][][] {
    const [batch, seq] = [chunks.length, chunks[0]!.length];
    const stack = (of: keyof Token, heads: number) => {
      const values = chunks.flat().flatMap((token) => [...token[of]]);
      return residentCopy(ort, f32([batch, seq, heads * width], values));
    };
    const window = (slab: ResidentTensor) => slab.window([batch, KV_HEADS, CAPACITY, width], first * rowSize());
    const [past_key, past_value] = [window(this.key), window(this.value)];
    const y = allocateTensor(ort, "f32", [batch, seq, HEADS * width]);
    const inputs = {
      query: stack("query", HEADS),
      key: stack("key", KV_HEADS),
      value: stack("value", KV_HEADS),
      past_key,
      past_value,
      last_index: residentCopy(ort, tensor("i32", [batch], Int32Array.from(lastIndex))),
      longest: residentCopy(ort, tensor("i32", [], Int32Array.of(longest))),
      ...siblings,
    };
    const used = "bias" in siblings ? besideEachOther : session;
    used.run({ ...inputs, cos, sin }, { y, present_key: past_key, present_value: past_value });
    const flat = [...y.view()];
    for (const resident of [...Object.values(inputs), y]) resident.dispose();
    return chunks.map((chunk, b) =>
      chunk.map((_, t) => flat.slice((b * seq + t) * HEADS * width, (b * seq + t + 1) * HEADS * width)),
    );
  }

  /** Runs `tokens` beside each other, each as the one after `past` tokens of the row. */
  beside(row: number, past: number, siblings: readonly Token[]): number[][] {
    const [count, total] = [siblings.length, past + siblings.length];
    const hidden = Array.from({ length: count * total }, (_, at) => {
      const [token, place] = [Math.floor(at / total), at % total];
      return place < past || place === past + token ? 0 : -1e9;
    });
    const positions = residentCopy(ort, i64([1, count], new Array<number>(count).fill(past)));
    return this.run(row, [siblings], [total - 1], total, {
      positions,
      bias: residentCopy(ort, f32([1, 1, count, total], hidden)),
    })[0]!;
  }

  /** Prefills one row with `chunk` after `past` tokens. */
  prefill(row: number, past: number, chunk: readonly Token[], longest = past + chunk.length): number[][] {
    return this.run(row, [chunk], [past + chunk.length - 1], longest)[0]!;
  }

  written(row: number): number {
    const slab = this.key.view().subarray(row * rowSize(), row * rowSize() + CAPACITY * width);
    const unwritten = slab.indexOf(UNWRITTEN);
    return unwritten < 0 ? CAPACITY : unwritten / width;
  }
}

function expectClose(got: readonly number[], want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  const error = Math.max(...got.map((x, i) => Math.abs(x - want[i]!)));
  expect(error).toBeLessThan(1e-6);
}

function expectHistory(got: readonly (readonly number[])[], history: readonly Token[]): void {
  const past = history.length - got.length;
  for (const [t, y] of got.entries()) expectClose(y, attend(history.slice(0, past + t + 1)));
}

describe.each([16, 8])("with heads of width %i", (headWidth) => {
  beforeAll(async () => {
    width = headWidth;
    ort = await loadOrtModule();
    session = createSession(ort, attentionGraph(), { name: "attention" });
    besideEachOther = createSession(ort, attentionGraph(true), { name: "siblings" });
    const table = (f: (x: number) => number) =>
      f32(
        [CAPACITY, width / 2],
        Array.from({ length: (CAPACITY * width) / 2 }, (_, i) =>
          f(angle(Math.floor(i / (width / 2)), i % (width / 2))),
        ),
      );
    cos = residentCopy(ort, table(Math.cos));
    sin = residentCopy(ort, table(Math.sin));
  });

  describe("one row", () => {
    test("prefills in one chunk", () => {
      const history = tokens(7);
      const cache = new Cache();
      expectHistory(cache.prefill(2, 0, history), history);
      expect([0, 1, 2, 3].map((row) => cache.written(row))).toEqual([0, 0, 7, 0]);
    });

    test.each([
      [3, 4],
      [1, 6],
      [5, 1, 1],
      [4, 4, 4],
    ])("prefills in chunks of %j", (...sizes) => {
      const cache = new Cache();
      const history: Token[] = [];
      for (const size of sizes) {
        const chunk = tokens(size);
        const past = history.length;
        history.push(...chunk);
        expectHistory(cache.prefill(1, past, chunk), history);
      }
      expect(cache.written(1)).toBe(history.length);
    });

    test("accepts a longest total greater than its own", () => {
      const history = tokens(9);
      const cache = new Cache();
      expectHistory(cache.prefill(0, 0, history.slice(0, 4), CAPACITY), history.slice(0, 4));
      expectHistory(cache.prefill(0, 4, history.slice(4, 8), CAPACITY), history.slice(0, 8));
      expectHistory(cache.prefill(0, 8, history.slice(8), CAPACITY), history);
    });

    test("fills its capacity up to the last position and no further", () => {
      const history = tokens(CAPACITY);
      const cache = new Cache();
      cache.prefill(0, 0, history.slice(0, -1));
      expectHistory(cache.prefill(0, CAPACITY - 1, history.slice(-1)), history);
      expect(() => cache.prefill(0, CAPACITY, tokens(1))).toThrow('the graph "attention" failed');
      expect(() => cache.prefill(0, CAPACITY, tokens(1), CAPACITY)).toThrow('the graph "attention" failed');
      expect(() => cache.prefill(0, -1, tokens(1), 1)).toThrow('the graph "attention" failed');
      expect([0, 1, 2, 3].map((row) => cache.written(row))).toEqual([CAPACITY, 0, 0, 0]);
    });
  });

  describe("tokens beside each other", () => {
    test("each see the past and themselves, to the last place of the cache", () => {
      const history = tokens(CAPACITY - 5);
      const cache = new Cache();
      cache.prefill(1, 0, history);
      const siblings = tokens(5);
      const y = cache.beside(1, history.length, siblings);
      for (const [i, sibling] of siblings.entries()) expectHistory([y[i]!], [...history, sibling]);
      expect([0, 1, 2].map((row) => cache.written(row))).toEqual([0, CAPACITY, 0]);
      const next = tokens(2);
      expectHistory(cache.prefill(1, history.length, next), [...history, ...next]);
    });

    test("begin a row", () => {
      const siblings = tokens(3);
      const y = new Cache().beside(0, 0, siblings);
      for (const [i, sibling] of siblings.entries()) expectHistory([y[i]!], [sibling]);
    });
  });

  describe("several rows", () => {
    test("decode together at different lengths", () => {
      const cache = new Cache();
      const rows = [5, 1, 11, 0].map((length) => tokens(length)); // the last row starts by decoding
      for (const [row, history] of rows.entries()) if (history.length > 0) cache.prefill(row, 0, history);
      for (let step = 0; step < 3; step++) {
        const next = tokens(4);
        for (const [row, history] of rows.entries()) history.push(next[row]!);
        const lengths = rows.map((history) => history.length);
        const y = cache.run(
          0,
          next.map((token) => [token]),
          lengths.map((length) => length - 1),
          Math.max(...lengths),
        );
        for (const [row, history] of rows.entries()) expectHistory(y[row]!, history);
      }
      expect([0, 1, 2, 3].map((row) => cache.written(row))).toEqual([8, 4, 14, 3]);
    });

    test("decode around a row that is still prefilling, whose next position absorbs the stray write", () => {
      const cache = new Cache();
      const rows = [tokens(3), tokens(4), tokens(6)];
      for (const [row, history] of rows.entries()) cache.prefill(row, 0, history);
      const next = tokens(3);
      const y = cache.run(
        0,
        next.map((token) => [token]),
        [3, 4, 6],
        7,
      );
      expectHistory(y[0]!, [...rows[0]!, next[0]!]);
      expectHistory(y[2]!, [...rows[2]!, next[2]!]);
      const chunk = tokens(5); // row 1 continues as if it had not been in the batch
      expectHistory(cache.prefill(1, 4, chunk), [...rows[1]!, ...chunk]);
    });

    if (headWidth % 16 === 0)
      test("start together, padded on the right", () => {
        const cache = new Cache();
        const rows = [tokens(6), tokens(6)];
        const y = cache.run(0, rows, [5, 2], 6);
        expectHistory(y[0]!, rows[0]!);
        expectHistory(y[1]!.slice(0, 3), rows[1]!.slice(0, 3));
        const next = tokens(2);
        const decoded = cache.run(
          0,
          next.map((token) => [token]),
          [6, 3],
          7,
        );
        expectHistory(decoded[0]!, [...rows[0]!, next[0]!]);
        expectHistory(decoded[1]!, [...rows[1]!.slice(0, 3), next[1]!]);
      });

    test("cannot append chunks of several tokens to non-empty pasts", () => {
      const cache = new Cache();
      const rows = [tokens(5), tokens(5)];
      cache.run(0, rows, [4, 4], 5);
      expect(() => cache.run(0, [tokens(2), tokens(2)], [6, 6], 7)).toThrow(/batch_size must be 1 when/);
    });
  });
});
