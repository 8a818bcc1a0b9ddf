import { expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import { baseAlone } from "../../../trainer/recipes/base-alone.ts";
import { attached } from "../../support/peft.ts";
import { goldenBase } from "../golden-llama.ts";

const { config, weights } = goldenBase();

it("keeps the form that a method holds the base in, and nothing that the method adds", () => {
  const list = [
    { type: "qlora", r: 2 },
    { type: "prompt", num_virtual_tokens: 2 },
    { type: "prefix", num_virtual_tokens: 2 },
  ];
  const method = attached(list, { config, weights });
  const { frozen, replaced, ...alone } = baseAlone(method);
  expect([frozen, replaced]).toEqual([method.frozen, method.replaced]);
  expect(alone).toMatchObject({ parameters: [], startsAsBase: true });
  expect(alone.initial.size).toBe(0);
  expect([alone.virtualTokens, alone.prefixTokens, alone.penalty, alone.afterStep]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

it("leaves an objective's own parameters, which its loss reads", () => {
  const own = {
    parameters: [{ name: "head", shape: [1], decay: false }],
    initial: new Map([["head", f32([1], [2])]]),
  };
  expect(baseAlone(attached({ type: "lora" }, { config, weights }), own)).toMatchObject(own);
});
