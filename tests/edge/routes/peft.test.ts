import { beforeAll, describe, expect, it } from "vitest";
import type { PeftComparison } from "../../../shared/api/peft.ts";
import { PEFT_METHODS } from "../../../shared/peft/registry.ts";
import { Api } from "../support/api.ts";

const api = new Api();
let key: string;
beforeAll(async () => {
  await api.base("compare-base");
  key = await api.tenant("compare-owner");
});
const PATH = "/v1/peft/compare";

describe("POST /v1/peft/compare", () => {
  it("compares every method with its defaults", async () => {
    const body = { model: "compare-base" };
    const { object, data } = await api.call<PeftComparison>("POST", PATH, { key, body });
    expect(object).toBe("list");
    expect(data.map(({ type }) => type)).toEqual(Object.keys(PEFT_METHODS));
    for (const row of data) expect(row.trainable_parameters === null).toBe(row.refused !== null);
  });

  it("compares the methods that are asked for, with their settings filled in", async () => {
    const methods = [
      { type: "lora", r: 2, target_modules: "q_proj" },
      { type: "lora", r: 4, target_modules: "q_proj" },
    ];
    const { data } = await api.call<PeftComparison>("POST", PATH, { key, body: { model: "compare-base", methods } });
    expect(data.map(({ trainable_parameters: trained }) => trained)).toEqual([2 * 2 * 32, 2 * 4 * 32]);
    expect(data[0]).toMatchObject({
      config: { r: 2, lora_alpha: 16, target_modules: "q_proj" },
      mergeable: true,
      refused: null,
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["a base that is not there", { model: "none" }, "model"],
    ["a rank over the matrix", { model: "compare-base", methods: [{ type: "lora", r: 17 }] }, "methods[0].r"],
    ["an unknown method", { model: "compare-base", methods: [{ type: "not-here" }] }, "methods[0].type"],
    ["an unknown field", { model: "compare-base", methods: [{ type: "lora", rank: 3 }] }, "methods[0].rank"],
    ["no method", { model: "compare-base", methods: [] }, "methods"],
  ])("refuses %s", async (_name, body, param) => {
    expect(await api.refusal("POST", PATH, { key, body })).toMatchObject({ param });
  });
});
