import { expect, test } from "vitest";
import { readHeldOut } from "../../../../shared/data/inspect/held-out.ts";

const place = { number: 1, unit: "line", file: "test.jsonl" } as const;

test("readHeldOut reads what it knows as it is, in an item too, and else all texts", () => {
  const known = { prompt: "what is bread", completion: "flour" };
  const example = { kind: "completion", prompt: "what is bread", completion: "flour" };
  expect(readHeldOut(known, place, ["examples"]).examples).toEqual([example]);
  expect(readHeldOut({ item: known }, place, []).examples).toEqual([example]);
  const odd = { item: { problem: "two and two", choices: ["three", "four"], nested: { why: "sums" }, level: 3 } };
  expect(readHeldOut(odd, place, []).examples).toEqual([
    { kind: "completion", prompt: "two and two\nthree\nfour\nsums", completion: "" },
  ]);
  let deep: unknown = "at the bottom";
  for (let level = 0; level < 100; level++) deep = { deep };
  expect(readHeldOut(deep, place, []).examples).toEqual([{ kind: "completion", prompt: "", completion: "" }]);
  expect(readHeldOut("a bare text", place, []).examples).toMatchObject([{ prompt: "a bare text" }]);
});
