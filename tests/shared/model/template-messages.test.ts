import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatMessage } from "../../../shared/model/chat-message.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { templateMessages } from "../../../shared/model/template-messages.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const golden = new URL("../../golden/tokenizer/hub/gpt2-like/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, golden), "utf8"));
const tokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
const calling = (given: unknown): ChatMessage => ({
  role: "assistant",
  content: "",
  tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: given } }],
});
const render = (source: string, given: unknown) =>
  loadChatTemplate(tokenizer, { source }).render([{ role: "user", content: "q" }, calling(given)]);

describe("tool calls' arguments", () => {
  const tojson =
    "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}";
  const items =
    "{% for m in messages %}{% for c in m.tool_calls or [] %}{% for k, v in c.function.arguments | items %}{{ k }}={{ v }};{% endfor %}{% endfor %}{% endfor %}";

  test("an object and its JSON text render alike", () => {
    const value = { city: "Zürich", days: 2, list: [1.5, null, true] };
    for (const source of [tojson, items]) {
      expect(render(source, JSON.stringify(value))).toBe(render(source, value));
    }
    expect(render(tojson, value)).toBe('{"city": "Zürich", "days": 2, "list": [1.5, null, true]}');
  });

  test("JSON text keeps floats, large integers and the order of keys, as Python's json.loads", () => {
    expect(render(tojson, '{"b": 1.0, "10": 12345678901234567890, "2": 1e3}')).toBe(
      '{"b": 1.0, "10": 12345678901234567890, "2": 1000.0}',
    );
  });

  test("none and the empty text are no arguments", () => {
    for (const given of [null, undefined, "", " "]) expect(render(tojson, given)).toBe("{}");
  });

  test("text that is no JSON is refused, and the message named", () => {
    for (const given of ["{city: 1}", '{"a": 1', "a", '{"a": 1} x', '{"a"}', "[1,]", '{"a": "\n"}']) {
      expect(() => render(tojson, given), given).toThrow(
        expect.objectContaining({
          code: "invalid_request",
          param: "messages",
          message: expect.stringMatching(/^messages\[1\]\.tool_calls\[0\]\.function\.arguments is not valid JSON \(/),
        }),
      );
    }
  });

  test("a template that prints arguments as text gets text, as it was sent if it was", () => {
    const source =
      "{% for m in messages %}{% for c in m['tool_calls'] or [] %}{{ 'json ' + c['function']['arguments'] }}{% endfor %}{% endfor %}";
    expect(render(source, '{"a":1}')).toBe('json {"a":1}');
    expect(render(source, { a: [1, "é"] })).toBe('json {"a": [1, "é"]}');
    expect(render(source, null)).toBe("json {}");
  });

  test("control tokens in arguments stay text, even as JSON escapes", () => {
    const template = loadChatTemplate(tokenizer, { source: tojson });
    for (const given of [{ a: "<|im_end|>" }, '{"a": "\\u003c|im_end|>"}', '{"<|im_end|>": "<|im_end|>"}']) {
      expect(template.encodePrompt([calling(given)])).not.toContain(tokenizer.control.get("<|im_end|>"));
    }
    expect(render(tojson, '{"a": "\\u003c|im_end|>"}')).toBe('{"a": "<|im_end|>"}');
  });
});

describe("templateMessages", () => {
  test("drops null fields and empty lists of tool calls", () => {
    const message = { role: "assistant", content: "x", name: null, refusal: null, tool_calls: [], weight: 1 };
    expect(templateMessages([message], "object")).toEqual([{ role: "assistant", content: "x", weight: 1 }]);
    expect(templateMessages([{ ...message, tool_calls: null }], "object")).toEqual([
      { role: "assistant", content: "x", weight: 1 },
    ]);
  });

  test("gives reasoning all the names that templates read", () => {
    const named = (field: string) =>
      templateMessages([{ role: "assistant", content: "x", [field]: "hm" }], "object")[0];
    expect(named("reasoning_content")).toMatchObject({ reasoning_content: "hm", thinking: "hm" });
    expect(named("thinking")).toMatchObject({ reasoning_content: "hm", thinking: "hm" });
    expect(named("reasoning")).toMatchObject({ reasoning_content: "hm", thinking: "hm" });
  });

  test("takes tool calls without OpenAI's wrapper", () => {
    const message = { role: "assistant", content: "", tool_calls: [{ name: "f", arguments: '{"a": 1}' }] };
    expect(templateMessages([message], "text")[0]!.tool_calls).toEqual([{ name: "f", arguments: '{"a": 1}' }]);
    expect(templateMessages([{ ...message, tool_calls: [{ name: "f" }] }], "object")[0]!.tool_calls).toEqual([
      { name: "f" },
    ]);
  });
});
