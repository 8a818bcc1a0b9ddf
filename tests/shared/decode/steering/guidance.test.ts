import { describe, expect, it } from "vitest";
import { guidance } from "../../../../shared/decode/steering/guidance.ts";
import { planned } from "../../../contract/steering-cases.ts";
import { processedRow } from "../processing.ts";
import { itGivesTheReferencesScores } from "./references.ts";

describe("against transformers", () => itGivesTheReferencesScores("guidance", 4));

it("reads one row of the same model after the negative prompt, or after the prompt's last token", () => {
  const row = (asked: object) => planned("guidance", asked).companions;
  const role = { role: "guidance", model: "own" };
  expect(row({ negative_prompt: "Be rude." })).toEqual([{ ...role, prompt: { kind: "instead", text: "Be rude." } }]);
  expect(row({})).toEqual([{ ...role, prompt: { kind: "instead", text: null } }]);
});

it("leaves out what earlier parts ruled out, with a scale of 0 too", () => {
  for (const scale of [0, 3]) {
    const scores = Float64Array.of(1, Number.NEGATIVE_INFINITY, 2);
    guidance.processor
      .create()
      .apply([processedRow({ settings: scale, scores, logits: () => Float32Array.of(0, 9, 0) })]);
    expect([...scores].map(Number.isFinite)).toEqual([true, false, true]);
  }
});
