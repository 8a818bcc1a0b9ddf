import { describe, expect, it } from "vitest";
import { replyCalls, templateTools, templateTurns } from "../../../edge/serving/calls.ts";
import { CompiledRules } from "../../../edge/serving/compiled-rules.ts";
import type { EngineMessage, EngineTools, GenerateRequest } from "../../../edge/serving/protocol.ts";
import { replyRule } from "../../../edge/serving/reply-rule.ts";
import { deriveCallSyntax } from "../../../shared/model/calls/derive.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { vocabularyOf } from "../../../shared/rules/vocabulary.ts";
import tokenizerJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import tokenizerConfig from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";

const TURNS = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}";
const CALLS = `{% for c in m.tool_calls or [] %}{{ '\n<tool_call>' + ({"name": c.function.name, "arguments": c.function.arguments} | tojson) }}`;
const END =
  "{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const TOOLS = "{{ tools | tojson if tools else '' }}";

function modelOf(source: string) {
  const tokenizer = loadTokenizer(tokenizerJson, tokenizerConfig, { chatTemplate: source });
  const template = loadChatTemplate(tokenizer);
  const chatRules = new CompiledRules(() => vocabularyOf(tokenizer, template.stopIds));
  return { tokenizer, callSyntax: () => deriveCallSyntax(template, tokenizer), chatRules, textRules: chatRules };
}
const hermes = modelOf(`${TOOLS}${TURNS}${CALLS}${END}`);
const strict = modelOf(
  `${TOOLS}${TURNS}${CALLS}{% if c.id | length != 9 %}{{ raise_exception('nine') }}{% endif %}${END}`,
);
const deaf = modelOf("{% for m in messages %}{{ m.content }}{% endfor %}");
const mute = modelOf(`${TOOLS}{% for m in messages %}{{ m.content }}{% endfor %}`);

const functions = [{ name: "f", description: "d", parameters: { type: "object", default: null } }, { name: "g" }];
const request = (tools?: Partial<EngineTools>): GenerateRequest => ({
  requestId: "r",
  tenant: "t",
  model: { base: { id: "acme/base", digest: "d", prefix: "p/", files: [] }, weights: null, deltas: [] },
  prompt: {
    kind: "chat",
    messages: [{ role: "user", content: "hi" }],
    ...(tools === undefined
      ? {}
      : { tools: { functions, callable: ["f", "g"], required: true, parallel: true, ...tools } }),
  },
  sampling: { settings: {}, seed: 1, maxTokens: 4, stop: [], n: 1, topLogprobs: null },
});

describe("replyCalls", () => {
  it("is nothing without tools, whatever the template", () => {
    for (const model of [hermes, deaf, mute]) expect(replyCalls(model, request())).toBeUndefined();
    const text: GenerateRequest = { ...request(), prompt: { kind: "text", prompts: ["a"] } };
    expect(replyCalls(hermes, text)).toBeUndefined();
  });

  it.each([
    [deaf, /^`tools` are not supported by the model acme\/base: its chat template does not show tools to the model\./],
    [mute, /acme\/base: its chat template does not write the calls of an assistant's turn\./],
  ])("names the model whose template cannot be followed", (model, message) => {
    expect(() => replyCalls(model, request({}))).toThrow(
      expect.objectContaining({
        code: "unsupported_parameter",
        param: "tools",
        message: expect.stringMatching(message),
      }),
    );
  });

  it("holds replies to the tools that may be called, and to their schemas", () => {
    const call = (name: string, given: string) => `\n<tool_call>{"name": "${name}", "arguments": ${given}}`;
    const isReply = (text: string, tools: Partial<EngineTools> = {}) => {
      const state = replyRule(hermes, request(tools), replyCalls(hermes, request(tools)))!.start();
      return hermes.tokenizer.encode(text).every((id) => state.accept(id)) && state.canEnd;
    };
    expect(isReply(call("f", '{"a":1}'))).toBe(true);
    expect(isReply(call("g", "{}"))).toBe(true);
    expect(isReply(call("g", '{"a":1}'))).toBe(false);
    expect(isReply("Hello")).toBe(false);
    expect(isReply("Hello", { required: false })).toBe(true);
    expect(isReply(call("f", "{}"), { callable: ["g"] })).toBe(false);
    const two = `${call("g", "{}")}${call("f", "{}")}`;
    expect([isReply(two), isReply(two, { parallel: false })]).toEqual([true, false]);
  });

  it("names the field of a schema that no arguments satisfy", () => {
    const parameters = { type: "object", properties: { a: false }, required: ["a"] };
    const asked = request({ functions: [{ name: "f", parameters }], callable: ["f"] });
    expect(() => replyRule(hermes, asked, replyCalls(hermes, asked))).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "tools[0].function.parameters" }),
    );
  });

  it("holds the schemas of strict tools to OpenAI's subset, and others not", () => {
    const tool = (strict: boolean) => ({ name: "f", parameters: { type: "object", properties: {} }, strict });
    const asked = (strict: boolean) => request({ functions: [tool(strict)], callable: ["f"] });
    const rule = (strict: boolean) => replyRule(hermes, asked(strict), replyCalls(hermes, asked(strict)));
    expect(() => rule(false)).not.toThrow();
    expect(() => rule(true)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "tools[0].function.parameters",
        message: expect.stringContaining("additionalProperties"),
      }),
    );
  });

  it("gives each reply a reader of its own", () => {
    const { create } = replyCalls(hermes, request({}))!;
    const [first, second] = [create(), create()];
    const ids = hermes.tokenizer.encode('<tool_call>{"name": "f", "arguments": {}}');
    const events = ids.flatMap((id) => first.calls.push(first.decoder.push(id)));
    const given = events.map((event) => (event.type === "arguments" ? event.text : event.type));
    expect(given.join(" ")).toBe("call { } end");
    expect([first.calls.hasCalled, second.calls.hasCalled]).toEqual([true, false]);
  });
});

describe("templateTools", () => {
  it("has what templates know: no `strict`, and always a schema", () => {
    expect(templateTools(functions)).toEqual([
      { type: "function", function: { name: "f", description: "d", parameters: { type: "object", default: null } } },
      {
        type: "function",
        function: { name: "g", parameters: { type: "object", properties: {}, additionalProperties: false } },
      },
    ]);
  });
});

describe("templateTurns", () => {
  const call = (id: string) => ({ id, type: "function" as const, function: { name: "f", arguments: "{}" } });
  const turns = (...ids: string[]): EngineMessage[] => [
    { role: "user", content: "hi" },
    { role: "assistant", content: "", tool_calls: ids.map(call) },
    ...ids.map((id) => ({ role: "tool" as const, content: "a", tool_call_id: id })),
  ];

  it("leaves ids as they are where the template takes any", () => {
    const messages = turns("call_1", "call_2");
    expect(templateTurns(hermes, messages)).toBe(messages);
    expect(templateTurns(deaf, messages)).toBe(messages);
  });

  it("gives calls and their results the short ids that a template demands, the same ones every time", () => {
    const messages = turns("call_long_one", "000000001", "call_long_two");
    const short = ["000000000", "000000001", "000000002"];
    expect(templateTurns(strict, messages)).toEqual(turns(...short));
    expect(templateTurns(strict, [...messages, { role: "user", content: "more" }]).slice(0, -1)).toEqual(
      turns(...short),
    );
    const loaded = loadChatTemplate(strict.tokenizer);
    const rendered = loaded.render(templateTurns(strict, messages).map((message) => ({ ...message })));
    expect(rendered).toContain("<tool_call>");
  });
});
