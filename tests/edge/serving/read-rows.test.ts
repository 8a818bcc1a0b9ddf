/** Rows that are read and not continued, on a tiny model. */
import { describe, expect, it } from "vitest";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { BatchLoop } from "../../../edge/serving/batch-loop.ts";
import type { BatchRequest } from "../../../edge/serving/generation.ts";
import { type ReadRow, readRows } from "../../../edge/serving/read-rows.ts";
import { silentSequence } from "../../../edge/serving/silent-sequence.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { TINY, tinyParts } from "../runtime/tiny-model.ts";

const CHUNK = 4;
const tokens = (length: number, from = 0) => Array.from({ length }, (_, i) => (from + 7 * i) % TINY.vocabSize);

async function tiny(quota?: number) {
  const parts = await tinyParts();
  const loop = new BatchLoop({
    ...parts,
    chunk: CHUNK,
    keepPrompts: true,
    yieldToEventLoop,
    ...(quota === undefined ? {} : { quota }),
  });
  const row = (prompt: readonly number[], more: Partial<ReadRow["row"]> = {}): ReadRow["row"] => ({
    prompt,
    weights: parts.weights,
    deltas: BARE,
    stateKey: "bare",
    ...more,
  });
  return { ...parts, loop, row };
}

type Tiny = Awaited<ReturnType<typeof tiny>>;

/** Another tenant's text of that many tokens, in the same batch. */
function beside({ loop, row }: Tiny, maxTokens: number) {
  const sequence = silentSequence({}, maxTokens);
  const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
  const request: BatchRequest = {
    tenant: "another",
    generations: [{ rows: [{ ...row([3, 1, 4]), role: "leader", stateKey: "another" }], sequence }],
    emit: () => {},
    settle: ({ error }) => (error === undefined ? resolve(sequence.generated) : reject(error)),
  };
  loop.submit(request);
  return promise;
}

const options = ({ loop }: Pick<Tiny, "loop">, onStart: (cancel: () => void) => void = () => {}) => ({
  loop,
  tenant: "acme",
  onStart,
});

describe("readRows", () => {
  it("gives the state after each prompt, and the logits from a token on, as prefilling does", async () => {
    const parts = await tiny();
    const prompt = tokens(11);
    const seen: { at: number; logits: Float32Array }[] = [];
    let final = new Float32Array();
    let done = 0;
    const scoring = {
      from: 5,
      read: (at: number, logits: Float32Array) => void seen.push({ at, logits: logits.slice() }),
    };
    const read: ReadRow = {
      row: parts.row(prompt, { scoring }),
      final: (state) => {
        final = state.slice();
      },
      done: () => void done++,
    };
    await readRows([read], options(parts));
    expect(done).toBe(1);
    expect(seen.map(({ at }) => at)).toEqual([5, 6, 7, 8, 9, 10]);
    const alone = await tinyParts();
    alone.decoder.arrange([BARE]);
    for (const [start, token] of prompt.entries()) {
      const logits = alone.decoder.prefill(alone.weights, { slot: 0, start, virtual: 0, tokens: [token] });
      const found = seen.find(({ at }) => at === start);
      if (found !== undefined) found.logits.forEach((logit, v) => void expect(logit).toBeCloseTo(logits[v]!, 4));
    }
    alone.decoder.final().forEach((value, d) => void expect(final[d]).toBeCloseTo(value, 4));
    expect(parts.loop.counts).toEqual({ prefilledPositions: 11, decodedTokens: 0 });
    // It is not kept for later requests.
    expect([parts.loop.cachedPrompts, parts.loop.activeRows]).toEqual([0, 0]);
  });

  it("computes what texts share once, and lends what was scored to a text that is made, which stays the same", async () => {
    const parts = await tiny();
    const scored = (prompt: readonly number[]): ReadRow => ({
      row: parts.row(prompt, { scoring: { from: 9, read: () => {} } }),
      done: () => {},
    });
    const before = tokens(10);
    await readRows([scored([...before, 1, 2, 3]), scored([...before, 4, 5, 6])], options(parts));
    // Two whole chunks come before the first token that is read.
    expect(parts.loop.counts.prefilledPositions).toBe(13 + 13 - 8);

    const made = (prompt: readonly number[], along: ReadRow[]) => {
      const sequence = silentSequence({}, 4);
      const { promise, resolve } = Promise.withResolvers<void>();
      const own = readRows(along, options(parts));
      parts.loop.submit({
        tenant: "acme",
        generations: [{ rows: [{ ...parts.row(prompt), role: "leader" }], sequence }],
        emit: () => {},
        settle: () => resolve(),
      });
      return Promise.all([promise, own]).then(() => sequence.generated);
    };
    const start = parts.loop.counts.prefilledPositions;
    const text = await made([...before, 1, 2, 3], [scored([...before, 1, 2, 3])]);
    expect(parts.loop.counts.prefilledPositions - start).toBe(13);
    expect(await made([...before, 1, 2, 3], [])).toEqual(text);
  });

  it("reads many rows within the tenant's quota, and leaves others' texts as they are", async () => {
    const parts = await tiny(2);
    const alone = await beside(parts, 12);
    let most = 0;
    const finished: number[] = [];
    const rows = Array.from({ length: 24 }, (_, i): ReadRow => {
      const done = () => {
        finished.push(i);
        most = Math.max(most, parts.loop.activeRows);
      };
      return { row: parts.row(tokens(6 + (i % 5), i)), done };
    });
    const [among] = await Promise.all([beside(parts, 12), readRows(rows, options(parts))]);
    expect(among).toEqual(alone);
    expect(finished.sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
    expect(most).toBeLessThanOrEqual(3);
  });

  it("ends all of it when it is cancelled, and calls no row done that was not read", async () => {
    const parts = await tiny();
    let cancel = () => {};
    const done: number[] = [];
    const rows = Array.from({ length: 40 }, (_, i): ReadRow => {
      return {
        row: parts.row(tokens(20, i)),
        done: () => {
          done.push(i);
          if (done.length === 3) cancel();
        },
      };
    });
    await readRows(
      rows,
      options(parts, (end) => {
        cancel = end;
      }),
    );
    expect(done).toHaveLength(3);
    expect([parts.loop.activeRows, parts.loop.waitingRows]).toEqual([0, 0]);
  });

  it("ends the rest with the error of one", async () => {
    const parts = await tiny();
    const rows = [7, 20, 20].map((length, i): ReadRow => {
      const done = () => {
        if (i === 0) throw new TrimtabError("non_finite", "not a number");
      };
      return { row: parts.row(tokens(length, i)), done };
    });
    await expect(readRows(rows, options(parts))).rejects.toThrow("not a number");
    expect([parts.loop.activeRows, parts.loop.waitingRows]).toEqual([0, 0]);
  });

  it("is refused where nothing more may wait, and does nothing without rows", async () => {
    const parts = await tiny();
    const full = {
      cancel: () => {},
      submit: () => {
        throw new TrimtabError("capacity_exceeded", "too many wait");
      },
    };
    await expect(
      readRows([{ row: parts.row([1]), done: () => {} }], { ...options(parts), loop: full }),
    ).rejects.toThrow("too many wait");
    await readRows([], options(parts));
  });
});
