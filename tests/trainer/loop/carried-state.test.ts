import { describe, expect, it } from "vitest";
import { z } from "zod";
import { f32, i64 } from "../../../shared/tensor.ts";
import { withSections } from "../../../trainer/loop/carried-state.ts";
import { initialSections, type SectionSpec } from "../../../trainer/loop/sections.ts";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";

const spec: SectionSpec = {
  initial: { tensors: { rewards: f32([0], []), ids: i64([0, 4], []) }, json: { beta: 0.1 } },
  tensors: { rewards: { dtype: "f32", shape: [null] }, ids: { dtype: "i64", shape: [null, 4] } },
  json: z.strictObject({ beta: z.number() }),
};
const specs = { buffer: spec };
const state: TrainingState = { step: 3, trainedTokens: 9, tensors: {}, sections: initialSections(specs) };
const full = { tensors: { rewards: f32([2], [1, -1]), ids: i64([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]) }, json: { beta: 1 } };

describe("the sections of a state", () => {
  it("start as declared and are replaced by name, without changing the state that they were in", () => {
    const next = withSections(state, specs, { buffer: full });
    expect(next).toEqual({ ...state, sections: { buffer: full } });
    expect(state.sections!.buffer).toBe(spec.initial);
    expect(withSections(state, specs, {})).toBe(state);
  });

  it("that were not declared, or do not fit, are a mistake of the objective's", () => {
    const refused = (name: string, section = full) => expect(() => withSections(state, specs, { [name]: section }));
    refused("other").toThrow("the section other cannot be kept: it was not declared");
    refused("toString").toThrow("it was not declared");
    refused("buffer", { ...full, json: { beta: Number.NaN } }).toThrow("the section buffer cannot be kept");
  });
});
