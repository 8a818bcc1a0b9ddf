import { describe, expect, test } from "vitest";
import { tokenize } from "../../../../shared/model/template/lexer.ts";

describe("tokenize", () => {
  test("splits text, tags and literals, and counts lines", () => {
    expect(tokenize("a\n{{ x + 1.5 }}\n{% if 'b\nc' %}d")).toEqual([
      { type: "data", value: "a\n", line: 1 },
      { type: "variable_begin", value: "", line: 2 },
      { type: "name", value: "x", line: 2 },
      { type: "operator", value: "+", line: 2 },
      { type: "float", value: 1.5, line: 2 },
      { type: "variable_end", value: "", line: 2 },
      { type: "data", value: "\n", line: 2 },
      { type: "block_begin", value: "", line: 3 },
      { type: "name", value: "if", line: 3 },
      { type: "string", value: "b\nc", line: 3 },
      { type: "block_end", value: "", line: 4 },
      { type: "data", value: "d", line: 4 },
      { type: "end", value: "", line: 4 },
    ]);
  });

  test("line breaks of all systems are alike, and the last one is dropped", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const [data, , , , , next] = tokenize(`a${end}{% x %}${end}b${end}`);
      expect([data!.value, next?.value]).toEqual(["a\n", ""]);
    }
  });

  test.each([
    ["{{ 'x", "line 1 has an unexpected character '"],
    ["a\n{{ x", "line 2 ends inside a {{ … }}"],
    ["{% x", "line 1 ends inside a {% … %}"],
    ["{# x", "line 1 has a comment without an end"],
    ["{% raw %} x", "line 1 has no {% endraw %}"],
    ["{{ (1] }}", "line 1 has an unexpected ]"],
    ["{{ '\\xg' }}", "line 1 has an invalid or unsupported escape in the string '\\xg'"],
    ["{{ a ? b }}", "line 1 has an unexpected character ?"],
  ])("%s", (template, problem) => {
    expect(() => tokenize(template)).toThrow(`the model's chat template cannot be parsed: ${problem}`);
  });

  test.each([
    ["white space", `{{ ${" ".repeat(60_000)}x }}`],
    ["open tags", "{{-".repeat(20_000)],
    ["open comments", "{#".repeat(30_000)],
    ["raw tags", `{% raw %}${"{% ".repeat(20_000)}`],
    ["open strings", `{{ ${"'a\\".repeat(20_000)} }}`],
    ["digits", `{{ ${"1_".repeat(30_000)} }}`],
  ])("takes linear time on many %s", (_, template) => {
    const started = performance.now();
    try {
      tokenize(template);
    } catch {
      // Most of them are invalid.
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
