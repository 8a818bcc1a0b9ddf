import { expect, it } from "vitest";
import { UploadedPreferences } from "../../../edge/blobs/uploaded-preferences.ts";
import { LIMITS } from "../../../shared/limits.ts";

const look = (lines: readonly unknown[], kinds: readonly string[]) => {
  const preferences = new UploadedPreferences();
  for (const [at, value] of lines.entries()) preferences.add(value, { number: at + 1, unit: "line", file: "it" });
  return preferences.figures(kinds).preferences;
};
const pair = (n: number) => ({ prompt: `p${n}`, chosen: "long", rejected: "s" });

it("counts the first lines of preferences", () => {
  const found = look([pair(1), pair(1)], ["examples", "preference_pairs"]);
  expect(found).toMatchObject({
    kind: "preference_pairs",
    lines: 2,
    duplicates: 1,
    longer_is_better: { characters: { value: 1 } },
  });
  const many = look(
    Array.from({ length: LIMITS.inspectedUpload + 5 }, (_, n) => pair(n)),
    ["preference_pairs"],
  );
  expect(many).toMatchObject({ lines: LIMITS.inspectedUpload });
});

it("says nothing of other files, nor of one that turns out to be another", () => {
  expect(look([{ messages: [] }], ["examples"])).toBeUndefined();
  expect(look([pair(1), { prompt: "x" }], ["examples"])).toBeUndefined();
  expect(look([pair(1)], ["examples"])).toBeUndefined();
  expect(look([], [])).toBeUndefined();
});

it("compares no raters, of whose ratings each may be another number", () => {
  const rated = (n: number) => ({ prompt: `p${n}`, completion: "x", ratings: { ada: n, bob: n + 0.5 } });
  const lines = Array.from({ length: LIMITS.inspectedUpload }, (_, n) => rated(n));
  expect(look(lines, ["ratings"])).toEqual({
    kind: "ratings",
    ...{ lines: LIMITS.inspectedUpload, compared: LIMITS.inspectedUpload },
    ...{ duplicates: 0, contradictions: 0, ties: 0 },
    longer_is_better: expect.anything(),
  });
});
