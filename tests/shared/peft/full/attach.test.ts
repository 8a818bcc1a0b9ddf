import { expect, it } from "vitest";
import { EMBEDDING, parameterCount } from "../../../../shared/model/modules.ts";
import { attachFull } from "../../../../shared/peft/full/attach.ts";
import { elementCount } from "../../../../shared/tensor.ts";
import { goldenBase } from "../../../trainer/golden-llama.ts";

const { config, weights } = goldenBase();
const { parameters, initial, rewrite, randomInputs } = attachFull({
  config,
  weights,
  seed: 1,
  settings: { type: "full" },
  encode: () => [],
  param: "peft",
});

it("trains every weight, starting at the base", () => {
  expect(parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(parameterCount(config));
  for (const { name, shape } of parameters) expect(initial.get(name)).toMatchObject({ shape });
  expect(initial.get(EMBEDDING)).toBe(weights.get(EMBEDDING));
  expect(rewrite).toBeUndefined();
  expect(randomInputs({ rows: 1, tokens: 8 })).toEqual([]);
});

it("decays only matrices", () => {
  const decayed = parameters.filter(({ decay }) => decay).map(({ name }) => name);
  expect(decayed.some((name) => /norm|bias/.test(name))).toBe(false);
  expect(decayed).toHaveLength(2 + 7 * config.layers);
});
