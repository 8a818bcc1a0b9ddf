import { describe, expect, it } from "vitest";
import { z } from "zod";
import { f32, i64, type Tensor } from "../../../shared/tensor.ts";
import { initialSections, type SectionSpec, sectionProblem, withSections } from "../../../trainer/loop/sections.ts";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";

const spec: SectionSpec = {
  initial: { tensors: { rewards: f32([0], []), ids: i64([0, 4], []) }, json: { beta: 0.1 } },
  tensors: { rewards: { dtype: "f32", shape: [null] }, ids: { dtype: "i64", shape: [null, 4] } },
  json: z.strictObject({ beta: z.number() }),
};
const specs = { buffer: spec };
const state: TrainingState = { step: 3, trainedTokens: 9, tensors: {}, sections: initialSections(specs) };
const full = { tensors: { rewards: f32([2], [1, -1]), ids: i64([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]) }, json: { beta: 1 } };

describe("sections", () => {
  it("start as declared and are replaced by name, without changing the state that they were in", () => {
    const next = withSections(state, specs, { buffer: full });
    expect(next).toEqual({ ...state, sections: { buffer: full } });
    expect(state.sections!.buffer).toBe(spec.initial);
    expect(withSections(state, specs, {})).toBe(state);
  });

  it("may be of any size where the spec leaves it open, and of no other shape, dtype, name or JSON", () => {
    const { rewards, ids } = full.tensors;
    const problem = (tensors: Record<string, Tensor>, json: unknown = { beta: 1 }) =>
      sectionProblem(spec, { tensors, json });
    expect(problem({ rewards, ids })).toBeUndefined();
    expect(problem({ ids })).toBe("it has no tensor rewards");
    expect(problem({ rewards: f32([2, 1], [1, -1]), ids })).toBe("its tensor rewards is f32[2, 1], expected f32[any]");
    expect(problem({ rewards, ids: i64([1, 3], [1, 2, 3]) })).toBe("its tensor ids is i64[1, 3], expected i64[any, 4]");
    expect(problem({ rewards: i64([2], [1, 1]), ids })).toBe("its tensor rewards is i64[2], expected f32[any]");
    expect(problem({ rewards, ids, more: rewards })).toBe("it has a tensor more that nothing expects");
    expect(problem({ rewards, ids }, { beta: "much" })).toContain("its JSON does not fit");
  });

  it("that were not declared, or do not fit, are a mistake of the objective's", () => {
    const refused = (name: string, section = full) => expect(() => withSections(state, specs, { [name]: section }));
    refused("other").toThrow("the section other cannot be kept: it was not declared");
    refused("toString").toThrow("it was not declared");
    refused("buffer", { ...full, json: { beta: Number.NaN } }).toThrow("the section buffer cannot be kept");
  });
});
