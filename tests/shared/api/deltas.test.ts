import { expect, test } from "vitest";
import { MergeDeltas } from "../../../shared/api/deltas.ts";
import { requestError } from "../../../shared/api/parse.ts";
import { LIMITS } from "../../../shared/limits.ts";

const request = { model: "base", deltas: [{ id: "delta-1" }] };

test("what is left out has a default", () => {
  expect(MergeDeltas.parse(request)).toEqual({
    model: "base",
    deltas: [{ id: "delta-1", weight: 1 }],
    method: "linear",
    output: "delta",
  });
});

test.each<[string, object, string]>([
  ["a weight of 0", { deltas: [{ id: "a", weight: 0 }] }, "deltas[0].weight"],
  ["a weight beyond the limit", { deltas: [{ id: "a", weight: LIMITS.deltaWeight + 1 }] }, "deltas[0].weight"],
  ["no delta", { deltas: [] }, "deltas"],
  ["too many deltas", { deltas: new Array(LIMITS.deltasPerRequest + 1).fill({ id: "a" }) }, "deltas"],
  ["a method that is not known", { method: "slerp" }, "method"],
  ["a density of 0", { density: 0 }, "density"],
  ["half a rank", { rank: 1.5 }, "rank"],
  ["a negative seed", { seed: -1 }, "seed"],
  ["another way to elect signs", { majority_sign_method: "mean" }, "majority_sign_method"],
  ["a suffix that no name can have", { suffix: "a:b" }, "suffix"],
  ["another output", { output: "weights" }, "output"],
  ["an unknown field", { weights: [1] }, "weights"],
])("refuses %s", (_, fields, param) => {
  const body = { ...request, ...fields };
  const { error } = MergeDeltas.safeParse(body);
  expect(requestError(error!, body).param).toBe(param);
});
