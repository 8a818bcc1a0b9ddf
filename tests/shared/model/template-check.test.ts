import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkChatTemplate } from "../../../shared/model/template-check.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";

const golden = new URL("../../golden/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, golden), "utf8"));
const file = json("tokenizer/hub/gpt2-like/tokenizer.json");
const check = (template: string | undefined) =>
  checkChatTemplate(
    loadTokenizer(file, { eos_token: "<|im_end|>", bos_token: "<|endoftext|>" }, { chatTemplate: template }),
  );
const LOOP = "{% for m in messages %}{{ m.role ~ m.content }}{% endfor %}";

describe("checkChatTemplate", () => {
  test("accepts templates in the shapes of well-known families, and a model without a template", () => {
    check(undefined);
    for (const template of Object.values<string>(json("templates/renders.json").templates)) check(template);
  });

  test("accepts templates that refuse some conversations, or fail on tool calls as they do elsewhere", () => {
    check(`{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}${LOOP}`);
    check(`{% if tools %}{{ tools.nothing.more }}{% endif %}${LOOP}`);
    check(`${LOOP}{{ strftime_now('%d %b %Y') }}`);
  });

  test.each([
    ["{{ messages", "cannot be parsed: line 1 ends inside a {{ … }}"],
    ["\n{% if x %}", "cannot be parsed: line 2: expected {% elif %} or {% else %} or {% endif %}, found the end"],
    ["{% include 'x' %}", "uses {% include %} in line 1, which is not supported"],
    ["{% block a %}{% endblock %}", "uses {% block %} in line 1, which is not supported"],
    ["{% trans %}x{% endtrans %}", "cannot be parsed: line 1: unknown tag {% trans %}"],
    [`${LOOP}\n{{ 'a' | urlize }}`, "uses the filter urlize in line 2, which is not supported"],
    ["{{ messages | map('pprint') }}", "uses the filter pprint in line 1, which is not supported"],
    ["{{ 1 | shout }}", "uses the filter shout in line 1, which does not exist in Jinja"],
    ["{{ 1 is escaped }}", "uses the test escaped in line 1, which is not supported"],
    ["{{ messages | selectattr('x', 'loud') }}", "uses the test loud in line 1, which does not exist in Jinja"],
    ["{% set c = cycler(1, 2) %}", "calls cycler() in line 1, which is not supported"],
    ["{{ 'a'.encode('utf-8') }}", "calls .encode() in line 1, which is not supported"],
    ["{{ messages | map('string') }}", "failed in line 1: prints a generator; add `| list` (tried on a sample"],
    [`${LOOP}\n{{ messages[0].nothing.more }}`, "failed in line 2: 'dict object' has no attribute 'nothing' (tried"],
    ["{{ raise_exception('never') }}", "rejects the messages: never (tried on a sample conversation)"],
    [`{% if messages[0].role == 'system' %}{{ '{:n}'.format(1) }}{% endif %}${LOOP}`, "formats with the specification"],
    [`{% if tools %}{{ strftime_now('%Q') }}{% endif %}${LOOP}`, "failed in line 1: formats a date with %Q"],
  ])("%s", (template, message) => {
    expect(() => check(template)).toThrow(
      expect.objectContaining({ code: "invalid_model", message: expect.stringContaining(message) }),
    );
  });
});
