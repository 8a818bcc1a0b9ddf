import { expect, it } from "vitest";
import { PRESET_TYPES } from "../../../shared/peft/presets.ts";
import { PEFT_METHODS } from "../../../shared/peft/registry.ts";
import { contenders } from "./contenders.ts";

it("has every method and preset, each under its own name", () => {
  const names = contenders(90).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...Object.keys(PEFT_METHODS), ...PRESET_TYPES]));
  expect(new Set(names).size).toBe(names.length);
});
