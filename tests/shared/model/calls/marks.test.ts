import { describe, expect, test } from "vitest";
import { deriveCallSyntax } from "../../../../shared/model/calls/derive.ts";
import { marked, markingDecoder, marksOf, withoutMarks } from "../../../../shared/model/calls/marks.ts";
import { SHAPES, shape } from "./shapes.ts";

const { tokenizer, template } = shape(SHAPES.mistral);
const derived = deriveCallSyntax(template, tokenizer);
const marks = "syntax" in derived ? marksOf(derived.syntax, tokenizer) : new Map<number, string>();
const CALLS = tokenizer.control.get("[TOOL_CALLS]")!;

function decoded(ids: readonly number[]): string {
  const decoder = markingDecoder(tokenizer, marks);
  return ids.map((id) => decoder.push(id)).join("") + decoder.flush();
}

describe("marks", () => {
  test("stand for the control tokens of the syntax, and no others", () => {
    expect([...marks.keys()]).toEqual([CALLS]);
    expect(decoded(tokenizer.encodeTrusted("a[TOOL_CALLS]b[INST]c"))).toBe(`a${marks.get(CALLS)}bc`);
    expect(marked("[TOOL_CALLS] [[INST]", tokenizer, marks)).toBe(`${marks.get(CALLS)}[`);
  });

  test("are not what spells a control token with ordinary tokens", () => {
    const ids = tokenizer.encode("[TOOL_CALLS]");
    expect(ids).not.toContain(CALLS);
    expect(decoded(ids)).toBe("[TOOL_CALLS]");
  });

  test("differ from every character, and leave the others as they are", () => {
    const all = [...marks.values()].join("");
    const text = `\u{10fc00}${all}\u{10ffff}${all}😀`;
    expect(withoutMarks(text)).toBe("\u{10fc00}\u{10ffff}😀");
    for (const mark of marks.values()) expect("\u{10fc00}\u{10ffff}\u{10f7ff}".includes(mark)).toBe(false);
  });

  test("end a character whose bytes are not whole", () => {
    const [first] = tokenizer.encode("😀");
    const bytes = tokenizer.bytesOf(first!);
    expect(bytes.length).toBeLessThan(4);
    expect(decoded([first!, CALLS])).toMatch(/^\ufffd+\udbff\ud800$/);
  });

  test("have no spaces after them, whatever the tokenizer makes of these", () => {
    const llama = shape(SHAPES.mistral, true);
    const result = deriveCallSyntax(llama.template, llama.tokenizer);
    const own = marksOf((result as { syntax: Parameters<typeof marksOf>[0] }).syntax, llama.tokenizer);
    const decoder = markingDecoder(llama.tokenizer, own);
    const ids = llama.tokenizer.encodeTrusted("[TOOL_CALLS] [{ x");
    const text = ids.map((id) => decoder.push(id)).join("") + decoder.flush();
    expect(text).toMatch(/^\udbff\ud800\[\{ x$/);
    expect(text).toBe(marked("[TOOL_CALLS] [{ x", llama.tokenizer, own));
  });
});
