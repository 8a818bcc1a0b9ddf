import { expect, it } from "vitest";
import { ADAPTER_FORMATS, PEFT_METHODS, PeftSettings, peftMethod } from "../../../shared/peft/registry.ts";

it("gives each method's settings to its row", () => {
  for (const [type, row] of Object.entries(PEFT_METHODS)) {
    const settings = PeftSettings.parse({ type });
    expect(settings).toEqual(row.settings.parse({ type }));
    expect(peftMethod(settings)).toBe(row);
  }
});

it("refuses a type that is not known, and lists those that are", () => {
  const { error } = PeftSettings.safeParse({ type: "not-here" });
  expect(error?.issues[0]).toMatchObject({
    path: ["type"],
    message: `must be one of ${Object.keys(PEFT_METHODS).join(", ")}`,
  });
});

it("has no two formats that take the same configuration", () => {
  const samples = [
    { peft_type: "LORA" },
    { peft_type: "LORA", use_dora: true },
    { peft_type: "ADALORA" },
    { peft_type: "IA3" },
    { peft_type: "PROMPT_TUNING" },
    { peft_type: "PREFIX_TUNING" },
    { config: { mh_adapter: true }, name: "x" },
    { peft_type: "NOT_HERE" },
    {},
  ];
  const takers = samples.map((config) => [...ADAPTER_FORMATS].filter(([, format]) => format.recognises(config)));
  expect(takers.map((some) => some.length)).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0]);
  expect(takers.map(([one]) => one?.[0])).toEqual([
    "lora",
    "dora",
    "adalora",
    "ia3",
    "prompt",
    "prefix",
    "bottleneck",
    undefined,
    undefined,
  ]);
});
