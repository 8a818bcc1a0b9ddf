import { describe, expect, it } from "vitest";
import { observe, render } from "../../../shared/graders/render.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { createRandom } from "../../../shared/random.ts";

const item = {
  answer: "forty two",
  n: 42,
  yes: true,
  none: null,
  list: ["a", { b: "c" }],
  "odd key": "odd",
  ключ: "unicode",
  nested: { deep: { x: { y: 1 } } },
  braces: "{{item.n}} }} {{",
};
const filled = (template: string, sample = "said") => render(template, observe(sample, item), "grader.input");
const refusal = (template: string): Error & { param?: string } => {
  try {
    filled(template);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${template} was not refused`);
};

describe("render", () => {
  it.each([
    ["no braces } { at all", "no braces } { at all"],
    ["{{item.answer}}", "forty two"],
    ["<{{ item.n }}|{{item.yes}}|{{item.none}}>", "<42|true|null>"],
    ["{{item.list[0]}}{{item.list.1.b}}{{item['list'][1][\"b\"]}}", "acc"],
    ["{{item['odd key']}} {{item.ключ}}", "odd unicode"],
    ["{{item.nested.deep}}", '{"x":{"y":1}}'],
    ["{{item.list}}", '["a",{"b":"c"}]'],
    ["{{item.braces}}", "{{item.n}} }} {{"],
    ["{{sample.output_text}}!", "said!"],
    ["{{sample.choices[0].message.content}} {{sample.output_tools}}", "said []"],
    ['{"a": {"b": 1}}', '{"a": {"b": 1}}'],
  ])("fills %s in", (template, text) => {
    expect(filled(template)).toEqual({ text });
  });

  it("reads a sample that is JSON", () => {
    expect(filled("{{sample.output_json.a[1]}}", '{"a": [1, "x"]}')).toEqual({ text: "x" });
    expect(filled("{{sample.output_json}}", " 3 ")).toEqual({ text: "3" });
  });

  it("tells what a sample lacks as a flaw", () => {
    expect(filled("{{sample.output_json.a}}", "no JSON")).toEqual({ flaw: { sample_parse_error: true } });
    expect(filled("{{sample.output_json.a}}", "{}")).toEqual({ flaw: { invalid_variable_error: true } });
    expect(filled("{{sample.choices[1]}}")).toEqual({ flaw: { invalid_variable_error: true } });
    // What the item lacks is told even behind what the sample lacks.
    expect(() => filled("{{sample.output_json.a}} {{item.missing}}", "no JSON")).toThrow("the item does not have");
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(filled("{{sample.output_json}}", deep)).toEqual({ flaw: { sample_parse_error: true } });
  });

  it.each([
    ["{{item.missing}}", /\{\{item\.missing\}\}, which the item does not have/],
    ["{{item.nested.missing.x}}", /item\.nested\.missing\.x/],
    ["{{item.list[7]}}", /item\.list\[7\]/],
    ["{{item.list.length}}", /which the item does not have/],
    ["{{item.answer.length}}", /which the item does not have/],
    ["{{item.constructor}}", /which the item does not have/],
    ["{{item.__proto__}}", /which the item does not have/],
    ["{{item['__proto__']['polluted']}}", /which the item does not have/],
    ["{{item}}", /Write a path/],
    ["{{item.}}", /Write a path/],
    ["{{item.a b}}", /Write a path/],
    ["{{itemx.a}}", /Write a path/],
    ["{{ }}", /Write a path/],
    ["{{item.n | upper}}", /Write a path/],
    ["{{process.env.SECRET}}", /Write a path/],
    ["{{sample.logprobs}}", /a sample has output_text, output_json/],
    ["{{sample.constructor}}", /a sample has/],
    ["{{{{item.n}}}}", /Write a path/],
    ["ends {{item.n", /without "\}\}"/],
  ])("refuses %s by name", (template, message) => {
    expect(refusal(template)).toMatchObject({ code: "invalid_request", param: "grader.input" });
    expect(refusal(template).message).toMatch(message);
  });

  it("stops at a text that grows too long", () => {
    const big = observe("x".repeat(LIMITS.graderText), {});
    expect(render("{{sample.output_text}}", big, "p")).toMatchObject({ text: expect.any(String) });
    expect(() => render("{{sample.output_text}}".repeat(1000), big, "p")).toThrow(/more than 200000 characters/);
  });

  it("gives a text, a flaw or a TrimtabError, whatever it is sent", () => {
    const random = createRandom(2, "templates");
    const parts = [
      "{{",
      "}}",
      "item",
      "sample",
      ".",
      "[0]",
      "['",
      "']",
      "answer",
      "list",
      "output_json",
      "__proto__",
      "x",
      " ",
    ];
    let texts = 0;
    for (let i = 0; i < 20_000; i++) {
      const inner = Array.from({ length: random.below(8) }, () => parts[random.below(parts.length)]).join("");
      try {
        const result = filled(i % 2 === 0 ? inner : `{{item.${inner}}}`, "[1]");
        expect("text" in result || Object.values(result.flaw).includes(true)).toBe(true);
        texts++;
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_request", param: "grader.input" });
      }
    }
    expect(texts).toBeGreaterThan(500);
  });

  it("is quick on hostile templates", () => {
    const started = performance.now();
    for (const text of [
      "{{".repeat(30_000),
      `{{item${".a".repeat(30_000)}}}`,
      `{{item${"[".repeat(60_000)}}}`,
      "}}".repeat(30_000),
    ]) {
      try {
        filled(text);
      } catch {}
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
