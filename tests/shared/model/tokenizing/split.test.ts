import { expect, test } from "vitest";
import { SPLIT_BEHAVIORS, splitPiece } from "../../../../shared/model/tokenizing/split.ts";

const cut = (text: string, pattern: RegExp, invert = false) =>
  SPLIT_BEHAVIORS.map((behavior) =>
    splitPiece({ text, place: "start" }, pattern, { behavior, invert }).map((piece) => piece.text),
  );

test("each behaviour, as the Rust library documents it", () => {
  expect(cut("the-final--countdown", /-/gu)).toEqual([
    ["the", "-", "final", "-", "-", "countdown"],
    ["the", "final", "countdown"],
    ["the", "-", "final", "--", "countdown"],
    ["the-", "final-", "-", "countdown"],
    ["the", "-final", "-", "-countdown"],
  ]);
});

test("inverted, what lies between matches counts as a match", () => {
  expect(cut("a-b", /[a-z]/gu, true)).toEqual([
    ["a", "-", "b"],
    ["a", "b"],
    ["a", "-", "b"],
    ["a-", "b"],
    ["a", "-b"],
  ]);
});

test("matches at the ends, and no text at all", () => {
  expect(cut("-a-", /-/gu)).toEqual([["-", "a", "-"], ["a"], ["-", "a", "-"], ["-", "a-"], ["-a", "-"]]);
  expect(cut("", /-/gu)).toEqual([[], [], [], [], []]);
});

test("only what begins a piece stands where the piece stands", () => {
  for (const place of ["start", "inside", "middle"] as const) {
    const pieces = splitPiece({ text: "a b", place }, / /gu, { behavior: "Removed" });
    expect(pieces.map((piece) => piece.place)).toEqual([place, "inside"]);
  }
  const [only] = splitPiece({ text: " b", place: "start" }, / /gu, { behavior: "Removed" });
  expect(only).toEqual({ text: "b", place: "inside" });
});
