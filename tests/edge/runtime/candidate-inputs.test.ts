import { describe, expect, it } from "vitest";
import { CandidateInputs } from "../../../edge/runtime/candidate-inputs.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import type { NamedTensors } from "../../../edge/runtime/session.ts";

const make = async () => {
  const ort = await loadOrtModule();
  return { ort, inputs: new CandidateInputs(ort, { most: 4, capacity: 8 }) };
};

describe("CandidateInputs", () => {
  it("puts all candidates at one position, each seeing the past and itself alone", async () => {
    const { inputs } = await make();
    for (const [count, position] of [
      [4, 4],
      [3, 2],
      [1, 0],
    ] as const) {
      inputs.with(count, position, ({ positions, bias }) => {
        expect(positions!.shape).toEqual([1, count]);
        expect([...positions!.view()]).toEqual(new Array(count).fill(BigInt(position)));
        expect(bias!.shape).toEqual([1, 1, count, position + count]);
        const view = bias!.view() as Float32Array;
        for (let i = 0; i < count; i++) {
          const seen = Array.from(
            { length: position + count },
            (_, place) => view[i * (position + count) + place] === 0,
          );
          // Attention hides what lies behind a candidate by itself.
          const expected = seen.map((_, place) => place < position || place >= position + i);
          expect(seen, `candidate ${i} of ${count} at ${position}`).toEqual(expected);
        }
        const hidden = Array.from(view).filter((value) => value !== 0);
        expect(hidden.every((value) => Math.fround(Math.exp(value)) === 0)).toBe(true);
      });
    }
  });

  it("shows again what another call has hidden", async () => {
    const { inputs } = await make();
    inputs.with(4, 4, () => {});
    inputs.with(1, 7, ({ bias }) => expect([...bias!.view()]).toEqual(new Array(8).fill(0)));
  });

  it("takes its handles back, also when the run fails", async () => {
    const { ort, inputs } = await make();
    const before = ort.residentBytes;
    let given: NamedTensors = {};
    expect(() =>
      inputs.with(2, 3, (both) => {
        given = both;
        throw new Error("failed");
      }),
    ).toThrow("failed");
    expect(() => given.bias!.handle).toThrow("used after disposal");
    expect(ort.residentBytes).toBe(before);
  });

  it("has no room for more than it was made for", async () => {
    const { inputs } = await make();
    expect(() => inputs.with(5, 0, () => {})).toThrow("does not fit in");
    expect(() => inputs.with(4, 5, () => {})).toThrow("does not fit in");
  });
});
