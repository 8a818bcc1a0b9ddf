import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generateDocuments, renderDocument } from "../../../../infra/base/corpus/index.ts";
import { pretrainingBatch } from "../../../../infra/base/pretraining/rows.ts";
import { loadTokenizer } from "../../../../shared/model/tokenizer.ts";
import { createRandom } from "../../../../shared/random.ts";
import type { Tensor } from "../../../../shared/tensor.ts";

const model = new URL("../../../../infra/base/model/", import.meta.url);
const json = (name: string): unknown => JSON.parse(readFileSync(new URL(name, model), "utf8"));
const tokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
const { padId } = tokenizer;

const SHAPE = { rows: 4, tokens: 96 };
const SEED = 3;
const batch = (step: number, { shape = SHAPE, seed = SEED, drillShare = 0 } = {}) =>
  pretrainingBatch(tokenizer, shape, { seed, step, drillShare });

interface Cell {
  readonly token: number;
  readonly target: number;
  readonly weight: number;
  readonly position: number;
  readonly segment: number;
}

/** The batch as rows of cells. */
function rowsOf({ feeds }: ReturnType<typeof batch>, { rows, tokens } = SHAPE): Cell[][] {
  const numbers = (name: string) => {
    const { shape, data } = feeds[name] as Tensor;
    expect(shape).toEqual([rows, tokens]);
    return Array.from(data as ArrayLike<number | bigint>, Number);
  };
  const [token, target, weight, position, segment] = ["tokens", "targets", "weights", "positions", "segments"].map(
    numbers,
  ) as [number[], number[], number[], number[], number[]];
  const cell = (i: number): Cell => ({
    token: token[i]!,
    target: target[i]!,
    weight: weight[i]!,
    position: position[i]!,
    segment: segment[i]!,
  });
  return Array.from({ length: rows }, (_, row) => Array.from({ length: tokens }, (_, i) => cell(row * tokens + i)));
}

/** A row's documents, each up to its end-of-text token, and the padding after them. */
function documentsOf(row: readonly Cell[]): { documents: Cell[][]; filler: Cell[] } {
  const used = row.filter(({ segment }) => segment > 0);
  const documents: Cell[][] = [];
  let open: Cell[] = [];
  for (const cell of used) {
    open.push(cell);
    if (cell.token === padId) {
      documents.push(open);
      open = [];
    }
  }
  if (open.length > 0) documents.push(open);
  return { documents, filler: row.slice(used.length) };
}

const STEPS = [0, 1, 2, 3, 4, 5];

describe("pretrainingBatch", () => {
  it("is a function of seed and step", () => {
    expect(batch(5)).toEqual(batch(5));
    expect(batch(5).feeds.tokens).not.toEqual(batch(6).feeds.tokens);
    expect(batch(5).feeds.tokens).not.toEqual(batch(5, { seed: 4 }).feeds.tokens);
  });

  it("contains whole documents of the corpus, none twice, and wastes little of a row", () => {
    for (const step of STEPS) {
      const source = generateDocuments(createRandom(SEED, "rows", step).below(2 ** 31));
      const left = Array.from({ length: 200 }, () => tokenizer.encodeTrusted(renderDocument(source.next().value)));
      const known = left.map((ids) => [...ids, padId].slice(0, SHAPE.tokens).join());
      let used = 0;
      for (const { documents, filler } of rowsOf(batch(step)).map(documentsOf)) {
        for (const document of documents) {
          const at = known.indexOf(document.map(({ token }) => token).join());
          expect(at).toBeGreaterThanOrEqual(0);
          known.splice(at, 1);
          used += document.length;
        }
        expect(filler.every(({ token, weight, position }) => token === padId && weight === 0 && position === 0)).toBe(
          true,
        );
      }
      expect(used / (SHAPE.rows * SHAPE.tokens)).toBeGreaterThan(0.85);
    }
  });

  it("trains every token of a document to predict the next, but never across documents", () => {
    for (const step of STEPS) {
      const made = batch(step);
      let trained = 0;
      for (const { documents } of rowsOf(made).map(documentsOf)) {
        for (const document of documents) {
          const last = document.at(-1)!;
          expect(document.slice(0, -1).map(({ target }) => target)).toEqual(
            document.slice(1).map(({ token }) => token),
          );
          expect(document.slice(0, -1).every(({ weight }) => weight === 1)).toBe(true);
          expect(last.weight).toBe(0);
          trained += document.length - 1;
        }
      }
      expect(made.trainedTokens).toBe(trained);
      expect(made.feeds.total!.data[0]).toBe(trained);
    }
  });

  it("keeps documents apart in most rows, and joins them in 0.4 of them", () => {
    let [apart, joined] = [0, 0];
    for (let step = 0; step < 12; step++) {
      for (const { documents } of rowsOf(batch(step)).map(documentsOf)) {
        if (documents.length < 2) continue;
        const cells = documents.flat();
        const isJoined = cells.every(({ segment }) => segment === 1);
        if (isJoined) joined++;
        else apart++;
        expect(cells.map(({ position }) => position)).toEqual(
          isJoined ? cells.map((_, i) => i) : documents.flatMap((document) => document.map((_, i) => i)),
        );
        if (!isJoined) {
          expect(cells.map(({ segment }) => segment)).toEqual(
            documents.flatMap((document, i) => document.map(() => i + 1)),
          );
        }
      }
    }
    expect(joined / (joined + apart)).toBeGreaterThan(0.2);
    expect(joined / (joined + apart)).toBeLessThan(0.6);
  });

  it("truncates a document that is longer than a row", () => {
    const shape = { rows: 4, tokens: 12 };
    const rows = rowsOf(batch(0, { shape }), shape).map(documentsOf);
    const cut = rows.flatMap(({ documents }) => documents).filter((document) => document.at(-1)!.token !== padId);
    expect(cut.length).toBeGreaterThan(0);
    for (const document of cut) {
      expect(document).toHaveLength(12);
      expect(document.map(({ weight }) => weight)).toEqual([...new Array(11).fill(1), 0]);
    }
  });

  it("uses drills for the requested share of documents", () => {
    const drills = (share: number) =>
      STEPS.flatMap((step) => rowsOf(batch(step, { drillShare: share })))
        .flatMap((row) => documentsOf(row).documents)
        .map((document) => {
          const ids = document.slice(0, -1).map(({ token }) => token);
          // A drill repeats its list two or three times.
          return [2, 3].some((times) => {
            const length = ids.length / times;
            return Number.isInteger(length) && length > 8 && ids.every((id, i) => id === ids[i % length]);
          });
        });
    expect(drills(0).filter(Boolean)).toEqual([]);
    expect(drills(1).every(Boolean)).toBe(true);
    const half = drills(0.5);
    expect(half.filter(Boolean).length / half.length).toBeGreaterThan(0.2);
    expect(half.filter(Boolean).length / half.length).toBeLessThan(0.7);
  });
});
