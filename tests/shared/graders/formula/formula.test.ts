import { describe, expect, it } from "vitest";
import { parseFormula } from "../../../../shared/graders/formula/formula.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { createRandom } from "../../../../shared/random.ts";

const VALUES = new Map([
  ["a", 0.5],
  ["b_2", 3],
  ["min", 7],
]);
const value = (text: string) => parseFormula(text, "f").evaluate(VALUES);

describe("parseFormula", () => {
  it.each([
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["8 - 2 - 1", 5],
    ["8 / 2 / 2", 2],
    ["2 ^ 3 ^ 2", 512],
    ["-2 ^ 2", -4],
    ["2 ^ -1", 0.5],
    ["(-2) ^ 2", 4],
    ["- -3", 3],
    ["+a", 0.5],
    [".5e1 + 1.", 6],
    ["a * b_2", 1.5],
    ["0.3*a+0.7*b_2", 0.3 * 0.5 + 0.7 * 3],
    ["min(a, b_2, 0.1)", 0.1],
    ["max(a, b_2)", 3],
    ["min + 1", 8],
    ["abs(-3) + floor(2.7) + ceil(2.1)", 8],
    ["sqrt(16) + exp(0) + log(exp(2))", 7],
    ["max(min(a, 1), 0) ^ 2", 0.25],
  ])("%s is %d", (text, expected) => {
    expect(value(text)).toBeCloseTo(expected, 12);
  });

  it("agrees with JavaScript on long random sums", () => {
    const text = Array.from({ length: 120 }, (_, i) => `${i % 7} * 2 - ${i % 5} / 4`).join(" + ");
    expect(value(text)).toBeCloseTo(new Function(`return ${text}`)() as number, 9);
  });

  it("lists its names, each once, without its functions", () => {
    expect(parseFormula("min(a, b) + a * min", "f").names).toEqual(["a", "b", "min"]);
  });

  it("may have no finite value", () => {
    for (const text of ["1 / 0", "log(0 - 1)", "10 ^ 999", "sqrt(-1)", "unknown"])
      expect(value(text)).not.toSatisfy(Number.isFinite);
  });

  it("gives a number or a TrimtabError, whatever it is sent", () => {
    const random = createRandom(2, "formulas");
    const parts = [
      "1",
      ".5",
      "a",
      "b_2",
      "min(",
      "log(",
      "(",
      ")",
      ",",
      "+",
      "-",
      "*",
      "/",
      "^",
      " ",
      "e9",
      "$",
      "\u0661",
    ];
    let values = 0;
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: random.below(12) }, () => parts[random.below(parts.length)]).join("");
      try {
        expect(value(text)).toBeTypeOf("number");
        values++;
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_request", param: "f" });
      }
    }
    expect(values).toBeGreaterThan(500);
  });

  it.each([
    ["", /its end.*character 1/],
    ["1 +", /its end/],
    ["1 2", /"2" where an operator should be \(character 3\)/],
    ["(1", /where "\)"/],
    ["a..b", /"\." |which no formula has/],
    ["constructor(1)", /calls constructor/],
    ["eval('x')", /which no formula has/],
    ["a.b", /which no formula has \(character 2\)/],
    ["a[0]", /which no formula has/],
    ["a; b", /which no formula has/],
    ["`a`", /which no formula has/],
    ["a => a", /which no formula has/],
    ["min()", /where a number/],
    ["abs(1, 2)", /takes one value/],
    ["min(1,)", /where a number/],
    ["2 ** 3", /where a number/],
    [`${"(".repeat(100)}1${")".repeat(100)}`, /nests more than 50/],
    [`${"-".repeat(100)}1`, /nests more than 50/],
    [Array(100).fill("2").join("^"), /nests more than 50/],
    ["1+".repeat(LIMITS.graderFormula), /more than 2000 characters/],
  ])("refuses %s", (text, message) => {
    let thrown: unknown;
    try {
      parseFormula(text, "grader.calculate_output");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: "invalid_request", param: "grader.calculate_output" });
    expect((thrown as Error).message).toMatch(message);
  });
});
