import { expect, it } from "vitest";
import { failureOf, scorerFailed } from "../../../edge/scoring/failure.ts";
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
