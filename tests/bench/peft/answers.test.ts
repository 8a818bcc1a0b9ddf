import { expect, it } from "vitest";
import { isRightReply } from "./answers.ts";

const REFERENCE = "Ahoy! The capital of France is Paris. Fair winds, sailor!";

it.each([
  ["the reference", REFERENCE, true],
  ["the same fact in other words", "Ahoy! Paris is the capital of France. Fair winds, sailor!", true],
  ["another fact", "Ahoy! The capital of Italy is Rome. Fair winds, sailor!", false],
  ["a wrong fact", "Ahoy! The capital of France is Rome. Fair winds, sailor!", false],
  ["the fact without the manner", "The capital of France is Paris.", false],
  ["half the manner", "Ahoy! The capital of France is Paris.", false],
  ["the manner alone", "Ahoy! Fair winds, sailor!", false],
  ["nothing", "", false],
])("judges %s", (_, reply, right) => {
  expect(isRightReply(reply, REFERENCE)).toBe(right);
});
