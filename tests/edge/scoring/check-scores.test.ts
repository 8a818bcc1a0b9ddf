import { expect, it } from "vitest";
import { checkScores } from "../../../edge/scoring/check-scores.ts";
import { LIMITS } from "../../../shared/limits.ts";

const check = (text: string, candidates: number) => checkScores(new TextEncoder().encode(text), candidates);

it("takes one number for each candidate, up to the bounds", () => {
  const scores = [LIMITS.scorerScore, -LIMITS.scorerScore, 0, -0.5];
  expect(check(JSON.stringify({ scores }), 4)).toEqual({ scores });
});

it("says which score is beyond them", () => {
  expect(check('{"scores":[0,1000000.1]}', 2)).toEqual({
    failure: "not_finite",
    detail: "`scores[1]` must be a number from -1000000 to 1000000",
  });
  expect(check('{"scores":[1,2]}', 3)).toEqual({ failure: "wrong_count", detail: "2 for 3" });
});

it("takes no bytes that are not UTF-8", () => {
  expect(checkScores(Uint8Array.of(0x7b, 0xff, 0x7d), 1)).toMatchObject({ failure: "not_json" });
});
