import { describe, expect, test } from "vitest";
import { ReplyText } from "../../../shared/decode/reply-text.ts";
import { deriveCallSyntax } from "../../../shared/model/calls/derive.ts";
import { marksOf } from "../../../shared/model/calls/marks.ts";
import { CallReader } from "../../../shared/model/calls/reader.ts";
import { SHAPES, shape } from "../model/calls/shapes.ts";

const { tokenizer, template } = shape(SHAPES.hermes);
const derived = deriveCallSyntax(template, tokenizer);
if (!("syntax" in derived)) throw new Error(derived.problem);
const { syntax } = derived;
const reader = () => new CallReader(syntax, tokenizer, marksOf(syntax, tokenizer));
const CALL = '<tool_call>\n{"name": "f", "arguments": {"a": "STOP"}}\n</tool_call>';

/** What is sent of a reply that comes character by character. */
function sent(reply: string, stop: readonly string[]) {
  const text = new ReplyText(stop, reader());
  let said = "";
  let given = "";
  for (const character of [...reply, ""]) {
    const { pieces, stopped } = character === "" ? text.finish("") : text.push(character);
    for (const piece of pieces) {
      if (piece.type === "text") said += piece.text;
      if (piece.type === "arguments") given += piece.text;
    }
    if (stopped) return { said, given, stopped };
  }
  return { said, given, stopped: false, called: text.hasCalled };
}

describe("ReplyText", () => {
  test("without tools is the text up to a stop sequence", () => {
    const text = new ReplyText(["cd"]);
    expect(text.push("abc")).toEqual({ pieces: [{ type: "text", text: "ab" }], known: 3, stopped: false });
    expect(text.push("de")).toEqual({ pieces: [], known: 2, stopped: true });
    expect(new ReplyText(["cd"]).finish("abc")).toEqual({
      pieces: [
        { type: "text", text: "ab" },
        { type: "text", text: "c" },
      ],
      known: 3,
      stopped: false,
    });
  });

  test("looks for stop sequences in the text alone", () => {
    expect(sent(`Hi.\n${CALL}`, ["STOP", "}"])).toEqual({
      said: "Hi.",
      given: '{"a": "STOP"}',
      stopped: false,
      called: true,
    });
    expect(sent(`Hi STOP ${CALL}`, ["STOP"])).toEqual({ said: "Hi ", given: "", stopped: true });
  });

  test("sends the beginning of a stop sequence that a call interrupts", () => {
    expect(sent(`Hi ST${CALL}`, ["STOP"])).toMatchObject({ said: "Hi ST", called: true });
  });

  test("finds a stop sequence in what looked like a call", () => {
    expect(sent("a <tool_call>\n{STOP", ["STOP"])).toEqual({ said: "a <tool_call>\n{", given: "", stopped: true });
    expect(sent("a <tool", ["tool"])).toEqual({ said: "a <", given: "", stopped: true });
  });
});
