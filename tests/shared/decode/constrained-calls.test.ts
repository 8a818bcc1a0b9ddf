import { describe, expect, test } from "vitest";
import { type CallChoice, callRule } from "../../../shared/decode/call-rules.ts";
import { deriveCallSyntax } from "../../../shared/model/calls/derive.ts";
import { markingDecoder, marksOf } from "../../../shared/model/calls/marks.ts";
import { CallReader } from "../../../shared/model/calls/reader.ts";
import { createRandom } from "../../../shared/random.ts";
import { compileRule } from "../../../shared/rules/compile.ts";
import type { CompiledRule } from "../../../shared/rules/rule.ts";
import { hasBit, vocabularyOf } from "../../../shared/rules/vocabulary.ts";
import { SHAPES, shape } from "../model/calls/shapes.ts";

const UNITS = ["celsius", 'a "quoted" one'];
const WEATHER = {
  type: "object",
  properties: {
    city: { type: "string", maxLength: 6 },
    unit: { enum: UNITS },
    days: { type: "array", items: { type: "integer", minimum: 1, maximum: 31 }, maxItems: 3 },
  },
  required: ["city", "unit"],
  additionalProperties: false,
};
const TOOLS = [
  { name: "get_weather", parameters: WEATHER },
  { name: "stop", parameters: { type: "object", properties: {}, additionalProperties: false } },
];

function isWeather(value: Record<string, unknown>): boolean {
  const { city, unit, days = [], ...others } = value;
  return (
    Object.keys(others).length === 0 &&
    typeof city === "string" &&
    [...city].length <= 6 &&
    UNITS.includes(unit as string) &&
    Array.isArray(days) &&
    days.length <= 3 &&
    days.every((day) => Number.isInteger(day) && day >= 1 && day <= 31)
  );
}

type Name = keyof typeof SHAPES;

function setUp(name: Name) {
  const { tokenizer, template } = shape(SHAPES[name]);
  const derived = deriveCallSyntax(template, tokenizer);
  if (!("syntax" in derived)) throw new Error(derived.problem);
  const { syntax } = derived;
  const vocabulary = vocabularyOf(tokenizer, template.stopIds);
  const marks = marksOf(syntax, tokenizer);
  /** So that texts and lists end some time. */
  const bias = Array.from({ length: vocabulary.size }, (_, id) => {
    const text = tokenizer.textOf(id);
    if (/^["}\]]/.test(text)) return 5;
    return /^[ -~]+$/.test(text) ? 1 : 0;
  });
  const thought = syntax.thoughtEnd === undefined ? [] : tokenizer.encode(`So be it.${syntax.thoughtEnd}`);

  /** The ids of a reply of a model that knows nothing, at a temperature of 1.5. */
  function write(rule: CompiledRule, seed: number): number[] {
    const random = createRandom(seed, name);
    const state = rule.start();
    const ids = [...thought];
    for (const id of ids) if (!state.accept(id)) throw new Error("the rule does not allow a thought");
    while (ids.length < MOST_TOKENS) {
      const mask = state.mask();
      let best = -1;
      let highest = Number.NEGATIVE_INFINITY;
      for (let id = 0; id < vocabulary.size; id++) {
        if (!hasBit(mask, id)) continue;
        const logit = 2 * random.normal() + bias[id]!;
        // Gumbel's trick: the highest of logit / T with this noise is a draw from the softmax.
        const score = logit / 1.5 - Math.log(-Math.log(random.float() || 1e-12));
        if (score > highest) [best, highest] = [id, score];
      }
      if (!state.accept(best)) throw new Error("the mask allowed what the rule does not");
      if (state.ended) return ids;
      ids.push(best);
    }
    return ids;
  }

  function read(ids: readonly number[]) {
    const decoder = markingDecoder(tokenizer, marks);
    const reader = new CallReader(syntax, tokenizer, marks);
    const events = [...ids.map((id) => decoder.push(id)), decoder.flush()].flatMap((text) => reader.push(text));
    events.push(...reader.flush());
    const calls: { name: string; arguments: string }[] = [];
    let text = "";
    for (const event of events) {
      if (event.type === "call") calls.push({ name: event.name, arguments: "" });
      if (event.type === "arguments") calls[event.index]!.arguments += event.text;
      if (event.type === "text") text += event.text;
    }
    return { calls, text, isComplete: reader.hasCalled };
  }

  const compiled = (choice: CallChoice) => compileRule(callRule(syntax, choice, tokenizer), vocabulary);
  return { syntax, write, read, compiled };
}

function expectValid(calls: readonly { name: string; arguments: string }[]): void {
  for (const { name, arguments: given } of calls) {
    const value = JSON.parse(given) as Record<string, unknown>;
    if (name === "stop") expect(value).toEqual({});
    else expect([name, isWeather(value)], given).toEqual(["get_weather", true]);
  }
}

const MOST_TOKENS = 250;
const SEEDS = Array.from({ length: 10 }, (_, seed) => seed);

describe.each(Object.keys(SHAPES) as Name[])("a model that knows nothing, in the shape of %s", (name) => {
  const { syntax, write, read, compiled } = setUp(name);
  const choice: CallChoice = { tools: TOOLS, required: true, parallel: true };

  test("writes calls alone where one is required, with arguments that are valid", () => {
    const rule = compiled(choice);
    let whole = 0;
    let most = 0;
    for (const seed of SEEDS) {
      const { calls, text, isComplete } = read(write(rule, seed));
      if (!isComplete) continue;
      whole++;
      most = Math.max(most, calls.length);
      expectValid(calls);
      expect(text.trimEnd()).toBe(syntax.thoughtEnd === undefined ? "" : `So be it.${syntax.thoughtEnd}`);
    }
    expect(whole).toBeGreaterThan(SEEDS.length / 2);
    expect(most > 1).toBe(syntax.between !== undefined);
  });

  test("calls the named tool, once", () => {
    const rule = compiled({ tools: TOOLS.slice(1), required: true, parallel: false });
    for (const seed of SEEDS) {
      const { calls, isComplete } = read(write(rule, seed));
      expect([calls, isComplete]).toEqual([[{ name: "stop", arguments: "{}" }], true]);
    }
  });

  test("writes a text or calls where it may choose, and its calls are valid", () => {
    const rule = compiled({ ...choice, required: false });
    let texts = 0;
    for (const seed of SEEDS) {
      const { calls, isComplete } = read(write(rule, seed));
      if (calls.length === 0) texts++;
      else if (isComplete) expectValid(calls);
    }
    expect(texts).toBeGreaterThan(0);
  });
});

describe("a text", () => {
  test("is free until it begins a call, which then goes on as one", () => {
    const { tokenizer, template } = shape(SHAPES.hermes);
    const { compiled } = setUp("hermes");
    const rule = compiled({ tools: TOOLS, required: false, parallel: false });
    const accepts = (text: string) => {
      const state = rule.start();
      return tokenizer.encode(text).every((id) => state.accept(id)) && state.canEnd;
    };
    for (const text of ["", "Hello <tool_cal", '{"name": "get_weather"}', "<tool>", "</tool_call>"]) {
      expect(accepts(text), text).toBe(true);
    }
    const call = '<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>';
    expect(accepts(`Let me see.\n${call}`)).toBe(true);
    expect(accepts(call)).toBe(true);
    for (const text of ["<tool_call>", "<tool_call>x", `${call}x`, `${call}${call}`, call.replace("stop", "go")]) {
      expect(accepts(text), text).toBe(false);
    }
    expect(template.stopIds.length).toBeGreaterThan(0);
  });
});
