import { describe, expect, test } from "vitest";
import { type CallChoice, callRule } from "../../../shared/decode/call-rules.ts";
import { deriveCallSyntax } from "../../../shared/model/calls/derive.ts";
import { SHAPES, shape } from "../model/calls/shapes.ts";

const A = { type: "object", properties: { x: { type: "integer" } } };
const B = { type: "object" };
const ONE: CallChoice = { tools: [{ name: "a", parameters: A }], required: true, parallel: false };
const TWO: CallChoice = { tools: [...ONE.tools, { name: "b", parameters: B }], required: true, parallel: true };

function rules(name: keyof typeof SHAPES) {
  const { tokenizer, template } = shape(SHAPES[name]);
  const derived = deriveCallSyntax(template, tokenizer);
  if (!("syntax" in derived)) throw new Error(derived.problem);
  return (choice: CallChoice) => callRule(derived.syntax, choice, tokenizer);
}

const hermes = (name: string, schema: object) => ({
  sequence: [{ text: `${name}", "arguments": ` }, { json_schema: schema }],
});

describe("callRule", () => {
  test("writes one call as the template does", () => {
    expect(rules("hermes")(ONE)).toEqual({
      sequence: [{ text: '<tool_call>\n{"name": "a", "arguments": ' }, { json_schema: A }, { text: "}\n</tool_call>" }],
    });
  });

  test("lets the model choose among tools, and call several times", () => {
    const one = { anyOf: [hermes("a", A), hermes("b", B)] };
    expect(rules("hermes")(TWO)).toEqual({
      sequence: [
        { text: '<tool_call>\n{"name": "' },
        one,
        { repeat: { sequence: [{ text: '}\n</tool_call>\n<tool_call>\n{"name": "' }, one] }, least: 0 },
        { text: "}\n</tool_call>" },
      ],
    });
  });

  test("writes control tokens as such, and an id where the template has one", () => {
    expect(rules("mistral")(ONE)).toEqual({
      sequence: [
        { control: "[TOOL_CALLS]" },
        { text: ' [{"name": "a", "arguments": ' },
        { json_schema: A },
        { text: ', "id": "' },
        { regex: "[a-zA-Z0-9]{9}" },
        { text: '"}]' },
      ],
    });
  });

  test("writes the arguments before the name where the template does", () => {
    expect(rules("argumentsFirst")(ONE)).toEqual({
      sequence: [
        { text: '<tool_call>\n{"arguments": ' },
        { json_schema: A },
        { text: ', "name": "a"}\n</tool_call>\n' },
      ],
    });
  });

  test("leaves the text before a call free, and the call from its first words on not", () => {
    const maybe = { ...ONE, required: false };
    const call = [
      { text: '<tool_call>\n{"name": "a", "arguments": ' },
      { json_schema: A },
      { text: "}\n</tool_call>" },
    ];
    expect(rules("hermes")(maybe)).toEqual({
      sequence: [{ free: { without: ["<tool_call>"] } }, { repeat: { sequence: call }, least: 0, most: 1 }],
    });
    expect(rules("deepseek")(maybe)).toMatchObject({
      sequence: [
        { free: {} },
        { repeat: { sequence: { 0: { control: "<｜calls▁begin｜>" }, 1: { control: "<｜call▁begin｜>" } } }, most: 1 },
      ],
    });
    expect(rules("command")(maybe)).toMatchObject({
      sequence: [
        { repeat: { anyOf: [{ free: {} }, { control: "<|START_THINKING|>" }, { control: "<|END_THINKING|>" }] } },
        { repeat: {}, most: 1 },
      ],
    });
  });

  test("tells a text from a call that only its beginning shows", () => {
    const rule = rules("llama")({ ...ONE, required: false }) as { anyOf: [unknown, { regex: string }] };
    expect(rule.anyOf[0]).toEqual(rules("llama")(ONE));
    const text = new RegExp(`^(?:${rule.anyOf[1].regex})$`, "u");
    for (const free of [
      "",
      "{",
      '{"name"',
      '{"names": 1}',
      '{ "name": "a"}',
      "Hi\n😀",
      '{"name": 1}',
      ' {"name": "a',
    ]) {
      expect(text.test(free), free).toBe(true);
    }
    for (const call of ['{"name": "', '{"name": "a", "parameters": {}}']) expect(text.test(call), call).toBe(false);
  });

  test("allows the empty thought that the template writes before a call, or none", () => {
    const call = (before: string) => ({
      sequence: [
        { text: `${before}<tool_call>\n{"name": "a", "arguments": ` },
        { json_schema: A },
        { text: "}\n</tool_call>" },
      ],
    });
    expect(rules("thinking")(ONE)).toEqual({ anyOf: [call(""), call("<think>\n\n</think>\n\n")] });
  });

  test("leaves a thought that the prompt begins free, up to its end", () => {
    expect(rules("prompted")(ONE)).toEqual({
      sequence: [
        { free: { without: ["</think>"] } },
        { text: '</think>\n\n<tool_call>\n{"name": "a", "arguments": ' },
        { json_schema: A },
        { text: "}\n</tool_call>" },
      ],
    });
  });

  test("asks for one call where the template writes no more", () => {
    expect(JSON.stringify(rules("llama")(TWO))).not.toContain("repeat");
  });
});
