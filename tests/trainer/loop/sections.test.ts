import { describe, expect, it } from "vitest";
import { z } from "zod";
import { f32, i64, type Tensor } from "../../../shared/tensor.ts";
import { initialSections, type SectionSpec, sectionProblem } from "../../../trainer/loop/sections.ts";

const spec: SectionSpec = {
  initial: { tensors: { rewards: f32([0], []), ids: i64([0, 4], []) }, json: { beta: 0.1 } },
  tensors: { rewards: { dtype: "f32", shape: [null] }, ids: { dtype: "i64", shape: [null, 4] } },
  json: z.strictObject({ beta: z.number() }),
};
const full = { tensors: { rewards: f32([2], [1, -1]), ids: i64([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]) }, json: { beta: 1 } };

describe("sections", () => {
  it("start as declared", () => {
    expect(initialSections({ buffer: spec })).toEqual({ buffer: spec.initial });
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
});
