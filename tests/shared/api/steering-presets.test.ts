import { expect, it } from "vitest";
import { PresetName, PresetReference, parseReference } from "../../../shared/api/steering-presets.ts";

it.each([
  ["calm", { preset: "calm", version: null }],
  ["calm@3", { preset: "calm", version: 3 }],
  ["a.b_c-9@120", { preset: "a.b_c-9", version: 120 }],
])("%s is a reference", (text, parsed) => {
  expect(PresetReference.safeParse(text).success).toBe(true);
  expect(parseReference(text)).toEqual(parsed);
});

it.each(["", "@3", "calm@", "calm@0", "calm@03", "calm@-1", "calm@1.5", "calm@3@4", "ca lm", ".calm", "calm-", "a/b"])(
  "%j is none",
  (text) => {
    expect(PresetReference.safeParse(text).success).toBe(false);
    expect(parseReference(text)).toBeUndefined();
  },
);

it("a name is no longer than 64 characters, in a reference too", () => {
  const long = "a".repeat(65);
  expect(PresetName.safeParse(long).success).toBe(false);
  expect(parseReference(`${long}@1`)).toBeUndefined();
  expect(parseReference(`${long.slice(1)}@999999999`)?.version).toBe(999_999_999);
});
