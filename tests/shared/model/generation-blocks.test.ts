import { describe, expect, test } from "vitest";
import { BLOCK_MARK, generationBlocks, markGenerationBlocks } from "../../../shared/model/generation-blocks.ts";

describe("markGenerationBlocks", () => {
  const mark = (dash = "", other = "") => `{{${dash} ${BLOCK_MARK} ${other}}}`;

  test.each([
    ["inline", "a{% generation %}b{% endgeneration %}c", `a${mark()}b${mark()}c`],
    ["white space control", "a {%- generation -%} b {%- endgeneration %}c", `a ${mark("-", "-")} b ${mark("-")}c`],
    ["on lines of their own", "  {% generation %}\nb\n  {% endgeneration %}\nc", `${mark()}b\n${mark()}c`],
    ["white space kept", "  {%+ generation +%}\nb{% endgeneration %}", `  ${mark()}\nb${mark()}`],
  ])("%s", (_, source, marked) => {
    expect(markGenerationBlocks(source)).toBe(marked);
  });

  test("a template without blocks", () => {
    expect(markGenerationBlocks("{% if add_generation_prompt %}x{% endif %}")).toBeUndefined();
  });
});

describe("generationBlocks", () => {
  test("are between the marks", () => {
    expect(generationBlocks("ab|cd|e|f|", "|", "abcdef")).toEqual([
      { start: 2, end: 4 },
      { start: 5, end: 6 },
    ]);
    expect(generationBlocks("abc", "|", "abc")).toEqual([]);
  });

  test("are unknown when the marks do not pair up or the text differs", () => {
    expect(generationBlocks("ab|c", "|", "abc")).toBeUndefined();
    expect(generationBlocks("ab|c|", "|", "abd")).toBeUndefined();
  });
});
