import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import { f32, i64, type Tensor, zeros } from "../../shared/tensor.ts";
import type { Executor } from "../../trainer/engines/executor.ts";
import { createExecutor } from "../../trainer/engines/registry.ts";
import { EXECUTORS } from "./executors.ts";

const SHAPE = { slots: 4, heads: 2, capacity: 3, width: 2 };

/** `seen` is the cache's window as the graph takes it; `added` [batch, 2, seq, 2] is `fresh` plus `step`. */
function graphOf(): Graph {
  const b = new GraphBuilder("cached");
  const seen = b.mul(b.input("past", "f32", ["batch", 2, "cached", 2]), 1);
  const added = b.add(b.input("fresh", "f32", ["batch", 2, "seq", 2]), b.input("step", "f32", []));
  return b.build({ seen, added });
}

/** [count, 2, tokens, 2] of numbers that say where they stand: row · 100 + head · 10 + token, and half a one more. */
function numbered(count: number, tokens: number): Tensor<"f32"> {
  const data = Float32Array.from({ length: count * 2 * tokens * 2 }, (_, i) => {
    const [row, head, token] = [
      Math.floor(i / (4 * tokens)),
      Math.floor(i / (2 * tokens)) % 2,
      Math.floor(i / 2) % tokens,
    ];
    return 100 * row + 10 * head + token + (i % 2) / 2;
  });
  return f32([count, 2, tokens, 2], data);
}

describe.each(EXECUTORS)("caches on %s", async (_, create) => {
  const executor = await create();

  async function open(shape = SHAPE) {
    const cache = await executor.createCache(shape);
    const program = await executor.compile(graphOf());
    const read = async (first = 0, count = shape.slots) => {
      const window = { cache, first, count };
      const results = await program.run({ past: window, fresh: zeros([count, 2, 1, 2]), step: f32([], [0]) });
      return results.seen!;
    };
    const append = (first: number, at: readonly number[], fresh: Tensor, step = 0) => {
      const window = { cache, first, count: at.length };
      return program.run({ past: window, fresh, step: f32([], [step]) }, { added: { window, at } });
    };
    const close = () => Promise.all([cache.dispose(), program.dispose()]);
    return { cache, program, read, append, close };
  }

  /** [count, 2, capacity, 2] of what was appended, from a list of (slot, position, row and token of `numbered`). */
  function expected(
    placed: readonly (readonly [slot: number, position: number, row: number, token: number])[],
    { slots = 4, capacity = 3, step = 0 } = {},
  ): Tensor {
    const data = new Float32Array(slots * 2 * capacity * 2);
    for (const [slot, position, row, token] of placed) {
      for (const head of [0, 1]) {
        const at = ((slot * 2 + head) * capacity + position) * 2;
        data.set(
          [0, 0.5].map((half) => 100 * row + 10 * head + token + half + step),
          at,
        );
      }
    }
    return f32([slots, 2, capacity, 2], data);
  }

  it("start as zeros", async () => {
    const { read, close } = await open();
    expect(await read()).toEqual(zeros([4, 2, 3, 2]));
    await close();
  });

  it("take what a run adds, each row at its own place, and give the caller the rest", async () => {
    const { read, append, close } = await open();
    const results = await append(1, [2, 0], numbered(2, 1), 1000);
    expect(Object.keys(results)).toEqual(["seen"]);
    expect(results.seen).toEqual(zeros([2, 2, 3, 2]));
    expect(await read()).toEqual(
      expected(
        [
          [1, 2, 0, 0],
          [2, 0, 1, 0],
        ],
        { step: 1000 },
      ),
    );
    expect(await read(2, 1)).toEqual(expected([[0, 0, 1, 0]], { slots: 1, step: 1000 }));
    await close();
  });

  it("take several positions at once, over those that were there, after the run has read them", async () => {
    const { read, append, close } = await open();
    await append(3, [0], numbered(1, 3));
    const { seen } = await append(3, [1], numbered(1, 2));
    const before = expected(
      [
        [0, 0, 0, 0],
        [0, 1, 0, 1],
        [0, 2, 0, 2],
      ],
      { slots: 1 },
    );
    expect(seen).toEqual(before);
    expect(await read(3, 1)).toEqual(
      expected(
        [
          [0, 0, 0, 0],
          [0, 1, 0, 0],
          [0, 2, 0, 1],
        ],
        { slots: 1 },
      ),
    );
    await close();
  });

  it("copy a slot over another, and keep what they hold when they grow", async () => {
    const { cache, read, append, close } = await open();
    await append(0, [0], numbered(1, 3));
    await cache.copy(0, 2);
    await cache.grow(5);
    expect(cache.shape).toEqual({ ...SHAPE, capacity: 5 });
    await cache.grow(4);
    expect(cache.shape.capacity).toBe(5);
    await append(2, [3], numbered(1, 2));
    const first = [0, 1, 2].map((token) => [0, token, 0, token] as const);
    const third = [0, 1, 2].map((token) => [2, token, 0, token] as const);
    expect(await read()).toEqual(expected([...first, ...third, [2, 3, 0, 0], [2, 4, 0, 1]], { capacity: 5 }));
    await close();
  });

  it("are refused where they do not fit, before anything runs or is written", async () => {
    const { cache, program, read, append, close } = await open();
    const fails = (run: Promise<unknown>, message: string) =>
      expect(run).rejects.toThrow(expect.objectContaining({ code: "invalid_graph", message }));
    await fails(
      append(0, [2], numbered(1, 2)),
      "output added has 2 positions, which do not fit a cache of 3 from position 2 on",
    );
    await fails(append(3, [0, 0], numbered(2, 1)), "a cache of 4 slots has no slots 3 to 4");
    const window = { cache, first: 0, count: 1 };
    const feeds = { past: window, fresh: numbered(1, 1), step: f32([], [0]) };
    await fails(
      program.run({ ...feeds, past: window }, { added: { window: { ...window, count: 2 }, at: [0, 0] } }),
      "output added has 1 rows for the 2 slots of a window, with 2 places to begin",
    );
    await fails(program.run(feeds, { more: { window, at: [0] } }), "cached has no output named more");
    const wide = await executor.createCache({ ...SHAPE, width: 3 });
    await fails(
      program.run({ ...feeds, past: { ...window, cache: wide } }),
      "input past of cached is f32[batch, 2, cached, 2], but was given f32[1, 2, 3, 3]",
    );
    await fails(
      program.run(feeds, { added: { window: { ...window, cache: wide }, at: [0] } }),
      "output added of cached is f32[batch, 2, seq, 2], but the cache takes f32[1, 2, T, 3]",
    );
    const foreign = await otherThan(executor).then((other) => other.createCache(SHAPE));
    await fails(
      program.run({ ...feeds, past: { ...window, cache: foreign } }),
      "a cache of another executor cannot be used here",
    );
    expect(await read()).toEqual(zeros([4, 2, 3, 2]));
    await Promise.all([close(), wide.dispose(), foreign.dispose()]);
  });

  it("stand beside values that are held from run to run, until they are held anew", async () => {
    const program = await executor.compile(graphOf());
    const past = zeros([1, 2, 1, 2]);
    const fresh = numbered(1, 1);
    const sumWith = (step: number) =>
      f32(
        [1, 2, 1, 2],
        fresh.data.map((value) => value + step),
      );
    await program.hold({ step: f32([], [5]) });
    expect((await program.run({ past, fresh })).added).toEqual(sumWith(5));
    await expect(program.run({ past, fresh, step: f32([], [1]) })).rejects.toThrow(
      "cached has no open input named step",
    );
    await program.hold({ past });
    expect((await program.run({ fresh })).added).toEqual(sumWith(5));
    await program.hold({ step: f32([], [7]) });
    expect((await program.run({ fresh })).added).toEqual(sumWith(7));
    await expect(program.hold({ more: fresh })).rejects.toThrow(
      "cached has no open input named more to hold a value for",
    );
    await expect(program.hold({ step: i64([], [1]) })).rejects.toThrow(
      "input step of cached is f32[], but was given i64[]",
    );
    expect((await program.run({ fresh })).added).toEqual(sumWith(7));
    await program.dispose();
  });
});

function otherThan({ backend }: Executor): Promise<Executor> {
  return createExecutor("tensorflow", { threads: 1, tfjsBackend: backend === "wasm" ? "cpu" : "wasm" });
}
