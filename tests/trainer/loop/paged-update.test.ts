import { describe, expect, it } from "vitest";
import { totalElements } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import { PAGE_ELEMENTS, pagedParameters } from "../../../trainer/loop/paged-update.ts";
import { type StepReport, train } from "../../../trainer/loop/train.ts";
import { initialState, type TrainingState } from "../../../trainer/loop/training-state.ts";
import type { Paging } from "../../../trainer/loop/update.ts";
import { largePlan, memoryStore, randomStart } from "./large-regression.ts";

const executor = createOnnxRuntimeExecutor({ threads: 2 });

// One page and a bit, part of a page, a whole page, and two that are too small to be paged.
const PARAMETERS = [
  { name: "wide", shape: [PAGE_ELEMENTS / 256, 300], decay: true },
  { name: "bias", shape: [40], decay: false },
  { name: "fast", shape: [100_000], decay: false, rate: 4 },
  { name: "page", shape: [PAGE_ELEMENTS], decay: true, rate: 0.3 },
  { name: "scalar", shape: [], decay: true },
];
const START = initialState(PARAMETERS, randomStart(PARAMETERS));
const BYTES = 8 * totalElements(PARAMETERS);

async function run(paging?: Paging, state = START, until?: number) {
  const reports: StepReport[] = [];
  const checkpoints: Uint8Array[] = [];
  const states: TrainingState[] = [];
  const last = await train(executor, largePlan(PARAMETERS, paging === undefined ? {} : { paging }), state, {
    onStep: (report, next) => {
      reports.push(report);
      states.push(next);
      checkpoints.push(encodeCheckpoint(next, "run"));
    },
    ...(until === undefined ? {} : { until }),
  });
  return { last, reports, checkpoints, states };
}

const store = () => memoryStore(BYTES / 4);
const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a.buffer, a.byteOffset, a.length).equals(b);

describe("a paged update", { timeout: 60_000 }, async () => {
  const plain = await run();

  it.each([
    ["with all large moments out of memory", 0],
    ["with some of them in memory", 8 * 100_000],
    ["with room for all", BYTES],
  ])("%s makes the same checkpoints as one in memory, to the last byte", async (_, memoryLimit) => {
    const paged = await run({ store: store(), memoryLimit });
    expect(paged.reports).toEqual(plain.reports);
    // Clipped in some of the steps.
    expect(new Set(paged.reports.map(({ gradNorm }) => gradNorm > 7e-4))).toEqual(new Set([true, false]));
    paged.checkpoints.forEach((bytes, i) => {
      expect(same(bytes, plain.checkpoints[i]!), `step ${i + 1}`).toBe(true);
    });
    expect(paged.checkpoints).toHaveLength(5);
  });

  it("goes on from any checkpoint, its own or one made in memory, with the same bytes", async () => {
    for (const paging of [{ store: store(), memoryLimit: 0 }, undefined]) {
      const restored = decodeCheckpoint(plain.checkpoints[1]!, { run: "run", parameters: PARAMETERS });
      const resumed = await run(paging, restored);
      expect(resumed.reports.map(({ step }) => step)).toEqual([3, 4, 5]);
      expect(same(resumed.checkpoints.at(-1)!, plain.checkpoints.at(-1)!)).toBe(true);
    }
  });

  it("keeps the store's moments out of the state, and says when they are gone", async () => {
    const numbers = store();
    const { states } = await run({ store: numbers, memoryLimit: 0 });
    const [first, last] = [states[0]!, states.at(-1)!];
    const read = last.tensors["wide#m"]!.data as Float32Array;
    expect(read.findIndex((value, i) => value !== numbers.numbers[i])).toBe(-1);
    expect(() => encodeCheckpoint(first, "run")).toThrow("the moments of an earlier step are no longer in the page");
    expect(first.tensors["bias#m"]!.data).toHaveLength(40);
  });
});

describe("pagedParameters", () => {
  const names = (limit: number) => pagedParameters(PARAMETERS, limit).map(({ parameter }) => parameter.name);

  it("are the large ones that the limit has no room for, in order", () => {
    expect(names(0)).toEqual(["wide", "fast", "page"]);
    expect(names(8 * 100_000)).toEqual(["wide", "page"]);
    expect(names(8 * 100_000 - 1)).toEqual(["wide", "fast", "page"]);
    expect(names(BYTES)).toEqual([]);
  });

  it("lie one after the other, moments of a kind together", () => {
    const [wide, fast] = pagedParameters(PARAMETERS, 0);
    expect(wide).toMatchObject({ m: 0, v: wide!.count });
    expect(fast).toMatchObject({ m: 2 * wide!.count, v: 2 * wide!.count + 100_000 });
  });
});
