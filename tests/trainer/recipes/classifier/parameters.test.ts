import { describe, expect, it } from "vitest";
import { SCORER, scorerParameters } from "../../../../trainer/recipes/classifier/parameters.ts";
import { goldenBase } from "../../golden-llama.ts";

const { config } = goldenBase();
const { hiddenSize: width, vocabSize } = config;
const made = (modes: Parameters<typeof scorerParameters>[1]["modes"], seed = 1) =>
  scorerParameters(config, { classes: 3, rank: 4, modes, seed });

describe("a scorer's parameters", () => {
  it("are those of the ways that are trained", () => {
    const shapes = (own: ReturnType<typeof made>) =>
      Object.fromEntries(own.parameters.map(({ name, shape }) => [name, shape]));
    const head = { [SCORER.weight]: [width, 3], [SCORER.bias]: [3] };
    const values = { [SCORER.a]: [width, 12], [SCORER.t]: [vocabSize, 4] };
    expect(shapes(made(["lookahead"]))).toEqual(head);
    expect(shapes(made(["token_values"]))).toEqual({ ...head, ...values });
    const rows = { [SCORER.logScale]: [1], [SCORER.rowBias]: [3] };
    expect(shapes(made(["lookahead", "class_rows", "token_values"]))).toEqual({ ...head, ...values, ...rows });
  });

  it("begin undecided, and differ with the seed", () => {
    const { parameters, initial } = made(["class_rows", "token_values"]);
    for (const { name, shape } of parameters) expect(initial.get(name)!.shape).toEqual(shape);
    for (const name of [SCORER.weight, SCORER.bias, SCORER.t, SCORER.rowBias]) {
      expect(initial.get(name)!.data.every((value) => value === 0)).toBe(true);
    }
    expect(made(["token_values"])).toEqual(made(["token_values"]));
    expect(made(["token_values"], 2).initial.get(SCORER.a)).not.toEqual(initial.get(SCORER.a));
    const square = initial.get(SCORER.a)!.data.reduce((sum, value) => sum + value * value, 0);
    expect((square / 12) * 1).toBeGreaterThan(0.5);
    expect((square / 12) * 1).toBeLessThan(1.5);
  });
});
