import { describe, expect, it } from "vitest";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { type OpenGeneration, Row } from "../../../edge/serving/row.ts";
import { Slots } from "../../../edge/serving/slots.ts";
import { createRandom } from "../../../shared/random.ts";
import { statesOf } from "./states-of.ts";

const CHUNK = 4;
const CAPACITY = 40;

/** A slab whose state at a position is the text that led to it, so that a wrong copy shows. */
class TextSlab {
  readonly slots: number;
  readonly cells: string[][];
  readonly #saved = new WeakMap<Float32Array, string[]>();
  constructor(slots: number) {
    this.slots = slots;
    this.cells = Array.from({ length: slots }, () => new Array<string>(CAPACITY).fill(""));
  }
  copy(from: number, to: number, length: number): void {
    for (let i = 0; i < length; i++) this.cells[to]![i] = this.cells[from]![i]!;
  }
  clear(slot: number, { from, to } = { from: 0, to: CAPACITY }): void {
    this.cells[slot]!.fill("", from, Math.max(from, Math.min(to, CAPACITY)));
  }
  writePrefix(): void {
    throw new Error("no row here has a prefix");
  }
  savedBytes(length: number): number {
    return 4 * length;
  }
  save(slot: number, length: number): Float32Array {
    const saved = new Float32Array(length);
    this.#saved.set(saved, this.cells[slot]!.slice(0, length));
    return saved;
  }
  restore(slot: number, saved: Float32Array, length: number): void {
    const cells = this.#saved.get(saved)!;
    for (let i = 0; i < length; i++) this.cells[slot]![i] = cells[i]!;
  }
}

interface Text {
  readonly row: Row;
  readonly generated: number[];
}

let requests = 0;
function text(prompt: number[], stateKey = "k"): Text {
  const generated: number[] = [];
  const open = { generation: { sequence: { generated } }, request: { id: requests++ } } as unknown as OpenGeneration;
  return {
    row: new Row(open, { role: "leader", prompt, weights: undefined as never, deltas: BARE, stateKey }),
    generated,
  };
}

const stateOf = ({ work }: Row, tokens: readonly number[]) => `${work.stateKey}:${tokens.join()}`;
const promptStates = (row: Row) => statesOf(Float32Array.from([row.work.stateKey.length, ...row.work.prompt]));

/** What the loop does with a row in a turn: waits for its source, prefills a chunk, or decodes. */
function advance(slots: Slots, slab: TextSlab, { row, generated }: Text, token: number): void {
  slots.resolveSources();
  const cells = slab.cells[slots.slotOf(row)]!;
  if (row.source !== undefined) return;
  if (!row.isPrefilled) {
    const { start, tokens } = row.nextChunk(0, CHUNK);
    for (let i = 0; i < tokens.length; i++) cells[start + i] = stateOf(row, row.work.prompt.slice(0, start + i + 1));
    row.prefilled += tokens.length;
    if (row.isPrefilled) row.take(promptStates(row));
    return;
  }
  if (row.isDecoding) cells[row.decodeRow.position] = stateOf(row, [...row.work.prompt, ...generated]);
  generated.push(token);
  row.states = undefined;
}

/** Throws unless every row's states are those that its own tokens lead to, with nothing behind them. */
function check(slots: Slots, slab: TextSlab): void {
  for (const [slot, row] of slots.rows.entries()) {
    const tokens = [...row.work.prompt, ...row.state.generated];
    const cells = slab.cells[slot]!;
    // One comparison each: an `expect` for every cell would take most of the test's time.
    const wrong = cells.findIndex(
      (cell, at) => cell !== (at < row.cachedPositions ? stateOf(row, tokens.slice(0, at + 1)) : ""),
    );
    if (wrong >= 0) throw new Error(`slot ${slot} has ${JSON.stringify(cells[wrong])} at ${wrong}`);
    if (row.isPrefilled) expect(row.promptStates).toEqual(promptStates(row));
  }
}

describe("Slots", () => {
  it("lets a row take over what another is still computing, and its logits where prompts are equal", () => {
    const slab = new TextSlab(4);
    const slots = new Slots({ slab, chunk: CHUNK, keepPrompts: false });
    const [first, same, longer] = [text([1, 2, 3, 4, 5, 6]), text([1, 2, 3, 4, 5, 6]), text([1, 2, 3, 4, 5, 9])];
    for (const { row } of [first, same, longer]) slots.add(row);
    expect([same.row.source?.positions, longer.row.source?.positions]).toEqual([6, 4]);
    advance(slots, slab, first, 0);
    slots.resolveSources();
    expect([same.row.prefilled, longer.row.prefilled]).toEqual([0, 4]);
    advance(slots, slab, first, 0);
    slots.resolveSources();
    expect(same.row.states).toEqual(promptStates(first.row));
    expect([same.row.cachedTokens, longer.row.cachedTokens]).toEqual([6, 4]);
    check(slots, slab);
  });

  it("moves the last row into a slot that becomes free, and leaves nothing behind", () => {
    const slab = new TextSlab(3);
    const slots = new Slots({ slab, chunk: CHUNK, keepPrompts: false });
    const texts = [text([1, 2]), text([3]), text([4, 5, 6])];
    for (const one of texts) slots.add(one.row);
    for (let n = 0; n < 3; n++) for (const one of texts) advance(slots, slab, one, 7);
    expect(slots.remove(texts[0]!.row)).toEqual({ row: texts[2]!.row, from: 2, to: 0 });
    expect(slots.remove(texts[1]!.row)).toBeUndefined();
    check(slots, slab);
    slots.remove(texts[2]!.row);
    expect(slab.cells.flat().join("")).toBe("");
  });

  it("keeps every row's states right through thousands of random comings and goings", () => {
    let hits = 0;
    let pauses = 0;
    for (let seed = 0; seed < 60; seed++) {
      const random = createRandom(seed, "slots");
      const slab = new TextSlab(2 + random.below(5));
      const slots = new Slots({ slab, chunk: CHUNK, keepPrompts: seed % 4 !== 0 });
      const texts: Text[] = [];
      const paused: Text[] = [];
      for (let turn = 0; turn < 120; turn++) {
        while (texts.length < slab.slots && random.float() < 0.5) {
          const back = random.float() < 0.5 ? paused.shift() : undefined;
          if (back !== undefined) {
            slots.resume(back.row);
            texts.push(back);
            check(slots, slab);
            continue;
          }
          // Few beginnings, so that many prompts share one.
          const start = Array.from({ length: 1 + 3 * random.below(5) }, (_, i) => i);
          const end = random.float() < 0.4 ? [] : [100 + random.below(3), 200];
          const one = text([...start, ...end], `tenant ${random.below(2)}`);
          slots.add(one.row);
          if (one.row.cachedTokens > 0) hits++;
          texts.push(one);
          check(slots, slab);
        }
        for (const one of texts) advance(slots, slab, one, random.below(9));
        check(slots, slab);
        for (const one of [...texts]) {
          const done = one.generated.length > 5 || random.float() < 0.1;
          const makesWay = !done && random.float() < 0.1;
          if (!done && !makesWay) continue;
          texts.splice(texts.indexOf(one), 1);
          if (makesWay) {
            slots.pause(one.row);
            paused.push(one);
          } else slots.remove(one.row);
          check(slots, slab);
        }
        const bytes = paused.reduce((sum, { row }) => sum + slots.bytesOf(row), 0);
        if (slots.pausedBytes !== bytes) throw new Error(`${slots.pausedBytes} bytes are paused, not ${bytes}`);
      }
      pauses += paused.length;
      for (const { row } of texts) slots.remove(row);
      for (const { row } of paused) slots.forget(row);
      expect(slots.pausedBytes).toBe(0);
      slots.dropPrompts();
      expect(slab.cells.flat().join("")).toBe("");
    }
    expect(hits).toBeGreaterThan(500);
    expect(pauses).toBeGreaterThan(10);
  });
});
