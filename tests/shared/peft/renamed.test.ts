import { describe, expect, it } from "vitest";
import type { Value } from "../../../shared/graph/graph.ts";
import type { AttachedMethod, RewriteContext } from "../../../shared/peft/method.ts";
import { renamed, withPrefix } from "../../../shared/peft/renamed.ts";
import { f32 } from "../../../shared/tensor.ts";

const one = f32([1], [1]);
const asked: string[] = [];
const method: AttachedMethod = {
  parameters: [{ name: "a", shape: [1], decay: true, rate: 3 }],
  initial: new Map([["a", one]]),
  startsAsBase: true,
  randomInputs: ({ rows }) => [{ name: "mask", shape: [rows], probability: 0.5 }],
  frozen: new Map([
    ["codes", one],
    ["model.norm.weight", one],
  ]),
  rewrite: ({ parameter, random }) => {
    for (const name of ["a", "codes", "model.norm.weight"]) parameter(name);
    random("mask");
    return {};
  },
  penalty: ({ parameter }) => parameter("a"),
  afterStep: {
    memory: new Map([["average", one]]),
    apply: ({ values, gradients }) => {
      expect([[...values.keys()], [...gradients.keys()]]).toEqual([["a", "average"], ["a"]]);
      return new Map([["a", f32([1], [2])]]);
    },
  },
};
const context = {
  parameter: (name: string) => asked.push(name) as unknown as Value,
  random: (name: string) => asked.push(name) as unknown as Value,
} as unknown as RewriteContext;

describe("renamed", () => {
  const other = renamed(method, { prefix: "1.", isOfBase: (name) => name.startsWith("model.") });

  it("renames the method's own names, but not the base's weights", () => {
    expect(other.parameters).toEqual([{ name: "1.a", shape: [1], decay: true, rate: 3 }]);
    expect([...other.initial.keys()]).toEqual(["1.a"]);
    expect(other.randomInputs({ rows: 2, tokens: 3 })).toEqual([{ name: "1.mask", shape: [2], probability: 0.5 }]);
    expect([...other.frozen!.keys()]).toEqual(["1.codes", "model.norm.weight"]);
  });

  it("translates the method's old names to the new ones in its graph", () => {
    other.rewrite!(context);
    other.penalty!(context);
    expect(asked).toEqual(["1.a", "1.codes", "model.norm.weight", "1.mask", "1.a"]);
  });

  it("passes the old names to the method after each step", () => {
    const values = new Map(["0.x", "1.a", "1.average"].map((name) => [name, one]));
    const gradients = new Map(["0.x", "1.a"].map((name) => [name, one]));
    expect([...other.afterStep!.memory.keys()]).toEqual(["1.average"]);
    const changed = other.afterStep!.apply({ step: 1, totalSteps: 2, values, gradients, before: values, observed: [] });
    expect(changed).toEqual(new Map([["1.a", f32([1], [2])]]));
  });
});

describe("withPrefix", () => {
  it("selects the entries with the prefix, and removes it", () => {
    const entries = new Map([
      ["1.a", 1],
      ["11.b", 2],
      ["1.1.c", 3],
    ]);
    expect(withPrefix(entries, "1.")).toEqual(
      new Map([
        ["a", 1],
        ["1.c", 3],
      ]),
    );
    expect(withPrefix(entries, "")).toEqual(entries);
  });
});
