import { describe, expect, test } from "vitest";
import { deriveCallSyntax } from "../../../../shared/model/calls/derive.ts";
import type { CallSyntax } from "../../../../shared/model/calls/syntax.ts";
import { REFUSED, SHAPES, shape } from "./shapes.ts";

const derived = (source: string) => {
  const { template, tokenizer } = shape(source);
  return deriveCallSyntax(template, tokenizer);
};

const HERMES_OPEN = '<tool_call>\n{"name": "';
const HERMES: CallSyntax = {
  open: HERMES_OPEN,
  call: [{ slot: "name" }, { text: '", "arguments": ' }, { slot: "arguments" }],
  between: `}\n</tool_call>\n${HERMES_OPEN}`,
  close: "}\n</tool_call>",
  afterText: { gap: "\n", open: HERMES_OPEN, trigger: "<tool_call>" },
  preamble: "",
  thoughtEnd: undefined,
  ids: "any",
};
const MISTRAL: CallSyntax = {
  open: '[TOOL_CALLS] [{"name": "',
  call: [
    { slot: "name" },
    { text: '", "arguments": ' },
    { slot: "arguments" },
    { text: ', "id": "' },
    { slot: "id", isShort: true },
  ],
  between: '"}, {"name": "',
  close: '"}]',
  afterText: { gap: "", open: '[TOOL_CALLS] [{"name": "', trigger: "[TOOL_CALLS]" },
  preamble: "",
  thoughtEnd: undefined,
  ids: "short",
};
const GRANITE: CallSyntax = {
  ...HERMES,
  open: '<|tool_call|>[{"name": "',
  between: '}, {"name": "',
  close: "}]",
  afterText: { gap: "", open: '<|tool_call|>[{"name": "', trigger: "<|tool_call|>" },
};
const DEEPSEEK: CallSyntax = {
  ...HERMES,
  open: "<｜calls▁begin｜><｜call▁begin｜>function<｜sep｜>",
  call: [{ slot: "name" }, { text: "\n```json\n" }, { slot: "arguments" }],
  between: "\n```<｜call▁end｜>\n<｜call▁begin｜>function<｜sep｜>",
  close: "\n```<｜call▁end｜><｜calls▁end｜>",
  afterText: { gap: "", open: "<｜calls▁begin｜><｜call▁begin｜>function<｜sep｜>", trigger: "<｜calls▁begin｜>" },
};

const EXPECTED: Readonly<Record<keyof typeof SHAPES, CallSyntax>> = {
  hermes: HERMES,
  thinking: { ...HERMES, preamble: "<think>\n\n</think>\n\n" },
  prompted: { ...HERMES, preamble: "\n</think>\n\n", thoughtEnd: "</think>" },
  argumentsFirst: {
    ...HERMES,
    open: '<tool_call>\n{"arguments": ',
    call: [{ slot: "arguments" }, { text: ', "name": "' }, { slot: "name" }],
    between: '"}\n</tool_call>\n<tool_call>\n{"arguments": ',
    close: '"}\n</tool_call>\n',
    afterText: { gap: "", open: '<tool_call>\n{"arguments": ', trigger: "<tool_call>" },
  },
  mistral: MISTRAL,
  nemo: {
    ...MISTRAL,
    open: '[TOOL_CALLS][{"name": "',
    afterText: { ...MISTRAL.afterText!, open: '[TOOL_CALLS][{"name": "' },
  },
  granite: GRANITE,
  phi: { ...GRANITE, close: "}]<|/tool_call|>" },
  deepseek: DEEPSEEK,
  deepseekThinking: { ...DEEPSEEK, thoughtEnd: "</think>" },
  llama: {
    ...HERMES,
    open: '{"name": "',
    call: [{ slot: "name" }, { text: '", "parameters": ' }, { slot: "arguments" }],
    between: undefined,
    close: "}",
    afterText: undefined,
  },
  // The calls are numbered, so two of them cannot be written by the rule for one.
  command: {
    ...HERMES,
    open: '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "',
    call: [{ slot: "name" }, { text: '", "parameters": ' }, { slot: "arguments" }],
    between: undefined,
    close: "}\n]<|END_ACTION|>",
    afterText: {
      gap: "",
      open: '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "',
      trigger: "<|START_ACTION|>",
    },
    preamble: "<|START_THINKING|><|END_THINKING|>",
  },
};

describe("deriveCallSyntax", () => {
  test.each(Object.entries(EXPECTED))("finds how templates in the shape of %s write calls", (name, syntax) => {
    expect(derived(SHAPES[name as keyof typeof SHAPES])).toEqual({ syntax });
  });

  test.each(Object.entries(REFUSED))("says why there is no syntax: %s", (_, [source, problem]) => {
    expect(derived(source)).toEqual({ problem: expect.stringMatching(problem) });
  });

  test("leaves calls that a stop token separates one at a time", () => {
    const source = SHAPES.hermes.replace(
      "{{ '\n' }}{% endif %}{{ '<tool_call>",
      "{{ '<|im_end|>' }}{% endif %}{{ '<tool_call>",
    );
    expect(source).not.toBe(SHAPES.hermes);
    expect(derived(source)).toMatchObject({ syntax: { between: undefined, close: HERMES.close } });
  });

  test("takes arguments however a template spaces them", () => {
    const source = SHAPES.hermes.replace("arguments | tojson", "arguments | tojson(indent=2)");
    expect(derived(source)).toEqual({ syntax: HERMES });
  });
});
