import { expect, it } from "vitest";
import { failureOf, isUnanswered, scorerFailed, scorerTripped } from "../../../edge/scoring/failure.ts";
import { HTTP_ERRORS } from "../../../shared/api/errors.ts";
import { TrimtabError } from "../../../shared/errors.ts";

it("names the scorer, the reason and the detail, with a status that SDKs do not try again", () => {
  const error = scorerFailed("judge", "wrong_count", "2 for 3");
  expect(error.message).toBe('The scorer "judge" gave another number of scores than there were candidates: 2 for 3.');
  expect([error.code, error.param, failureOf(error)]).toEqual(["scorer_failed", "steering", "wrong_count"]);
  expect(HTTP_ERRORS.scorer_failed.status).toBe(424);
});

it("is told from other errors", () => {
  expect(failureOf(new TrimtabError("cancelled", "x", { data: { reason: "stalled" } }))).toBeUndefined();
  expect(failureOf("scorer_failed")).toBeUndefined();
});

it("says whether an answer is missing or wrong, also of a scorer that is left alone", () => {
  for (const reason of ["stalled", "unreachable", "unavailable", "busy"] as const) {
    expect(isUnanswered(scorerFailed("judge", reason)), reason).toBe(true);
    expect(isUnanswered(scorerTripped("judge", reason)), reason).toBe(true);
  }
  const wrong = ["redirected", "status", "too_large", "not_json", "not_scores", "wrong_count", "not_finite", "refused"];
  for (const reason of wrong as ["status"]) {
    expect(isUnanswered(scorerFailed("judge", reason)), reason).toBe(false);
    expect(isUnanswered(scorerTripped("judge", reason)), reason).toBe(false);
  }
  expect(isUnanswered(scorerTripped("judge", undefined))).toBe(true);
  expect(isUnanswered(new TrimtabError("cancelled", "x"))).toBe(false);
});
