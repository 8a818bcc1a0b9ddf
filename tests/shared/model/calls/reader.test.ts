import { describe, expect, test } from "vitest";
import { deriveCallSyntax } from "../../../../shared/model/calls/derive.ts";
import { markingDecoder, marksOf } from "../../../../shared/model/calls/marks.ts";
import { type CallEvent, CallReader } from "../../../../shared/model/calls/reader.ts";
import type { ChatMessage } from "../../../../shared/model/chat-message.ts";
import { SHAPES, shape } from "./shapes.ts";

type Name = keyof typeof SHAPES;

const NASTY = {
  first: { city: 'Zürich 😀 "}]" \\ </tool_call>', list: [{ a: {} }, "{", "\n"], n: -1.5e3, none: null },
  second: {},
};
const TOOLS = ["get_weather", "b-2"].map((name) => ({
  type: "function",
  function: { name, description: "d", parameters: { type: "object", properties: {} } },
}));
const calls = (count: number) =>
  Object.values(NASTY)
    .slice(0, count)
    .map((given, i) => ({
      id: `call0000${i}`,
      type: "function",
      function: { name: TOOLS[i]!.function.name, arguments: JSON.stringify(given) },
    }));
const QUESTION: ChatMessage = { role: "user", content: "question" };

function setUp(name: Name, isLlama = false) {
  const { tokenizer, template } = shape(SHAPES[name], isLlama);
  const derived = deriveCallSyntax(template, tokenizer);
  if (!("syntax" in derived)) throw new Error(derived.problem);
  const marks = marksOf(derived.syntax, tokenizer);
  /** What a model that was trained on the template writes for this turn. */
  const replyIds = (turn: ChatMessage) => {
    const ids = tokenizer.encodeTrusted(template.render([QUESTION, turn], { tools: TOOLS }));
    const whole = template.encodePrompt([QUESTION], { tools: TOOLS });
    const start = whole.findIndex((id, i) => id !== ids[i]);
    const reply = ids.slice(start < 0 ? whole.length : start);
    const end = reply.findIndex((id) => template.stopIds.includes(id));
    return end < 0 ? reply : reply.slice(0, end);
  };
  const read = (pieces: readonly string[]) => {
    const reader = new CallReader(derived.syntax, tokenizer, marks);
    const events = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.flush()];
    return { events, reader };
  };
  const decode = (ids: readonly number[]) => {
    const decoder = markingDecoder(tokenizer, marks);
    return [...ids.map((id) => decoder.push(id)), decoder.flush()];
  };
  return { syntax: derived.syntax, tokenizer, replyIds, read, decode };
}

/** Events as the reply that they make. */
function reply(events: readonly CallEvent[]) {
  const made: { name: string; arguments: string; ended: boolean }[] = [];
  let text = "";
  for (const event of events) {
    if (event.type === "text") text += event.text;
    else if (event.type === "call") {
      expect(event.index).toBe(made.length);
      made.push({ name: event.name, arguments: "", ended: false });
    } else {
      expect(event.index).toBe(made.length - 1);
      expect(made[event.index]!.ended).toBe(false);
      if (event.type === "arguments") made[event.index]!.arguments += event.text;
      else made[event.index]!.ended = true;
    }
  }
  return { text, calls: made };
}

const written = (count: number) =>
  Object.values(NASTY)
    .slice(0, count)
    .map((given, i) => ({ name: TOOLS[i]!.function.name, arguments: given, ended: true }));
const parsed = ({ text, calls: made }: ReturnType<typeof reply>) => ({
  text,
  calls: made.map((call) => ({ ...call, arguments: JSON.parse(call.arguments) })),
});

const ALL = Object.keys(SHAPES) as Name[];
const SINGLE: readonly Name[] = ["llama", "command"];

describe.each(ALL)("calls in the shape of %s", (name) => {
  const { syntax, replyIds, read, decode } = setUp(name);
  const count = SINGLE.includes(name) ? 1 : 2;
  const turn = (content: string): ChatMessage => ({ role: "assistant", content, tool_calls: calls(count) });

  test("are read token by token, and nothing else is", () => {
    const { events, reader } = read(decode(replyIds(turn(""))));
    expect(parsed(reply(events))).toEqual({ text: "", calls: written(count) });
    expect(reader.hasCalled).toBe(true);
  });

  test("are the same in whatever pieces they come", () => {
    const whole = decode(replyIds(turn(""))).join("");
    const { events } = read([whole]);
    expect(reply(read([...whole]).events)).toEqual(reply(events));
    for (let cut = 0; cut < whole.length; cut++) {
      expect(reply(read([whole.slice(0, cut), whole.slice(cut)]).events)).toEqual(reply(events));
    }
  });

  test("keep the arguments as the model wrote them", () => {
    const text = decode(replyIds(turn(""))).join("");
    for (const { arguments: given } of reply(read([text]).events).calls) expect(text).toContain(given);
    const spaced = text.replace(/"n": ?-1500/, '"n" :\t-1.5E3');
    expect(reply(read([spaced]).events).calls[0]!.arguments).toContain('"n" :\t-1.5E3');
  });

  test("that are cut off are not complete, and what was written of them is given", () => {
    const pieces = decode(replyIds(turn("")));
    const whole = pieces.join("");
    const cut = whole.indexOf("list");
    const { events, reader } = read([whole.slice(0, cut)]);
    expect(reader.hasCalled).toBe(false);
    const argumentsFirst =
      syntax.call[0] !== undefined && "slot" in syntax.call[0] && syntax.call[0].slot === "arguments";
    // Arguments without a name are no call yet.
    if (argumentsFirst) expect(reply(events).calls).toEqual([]);
    else expect(reply(events).calls).toMatchObject([{ name: "get_weather", ended: false }]);
  });

  test("do not change replies without calls", () => {
    const ids = replyIds({ role: "assistant", content: 'Hello <tool {"name": 1} [TOOL' });
    const shown = decode(ids).join("");
    expect(reply(read(decode(ids)).events)).toEqual({ text: shown.replace(/\udbff[\ud800-\udbfe]/g, ""), calls: [] });
    expect(shown).toContain("[TOOL");
  });
});

describe("calls after a text", () => {
  const { replyIds, read, decode } = setUp("hermes");

  test("leave the text, without the line break of the template", () => {
    const ids = replyIds({ role: "assistant", content: "Let me look.", tool_calls: calls(2) });
    expect(parsed(reply(read(decode(ids)).events))).toEqual({ text: "Let me look.", calls: written(2) });
  });

  test("come after what only looked like a call", () => {
    const call = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>';
    const texts = [
      "<tool_call>x",
      '<tool_call>\n{"name": f}',
      '<tool_call>\n{"name": "f", "arguments": 3}',
      '<tool_call>\n{"name": "", "arguments": {}}',
      `<tool_call>\n{"name": "${"f".repeat(65)}", "arguments": {}}`,
      "\n\n",
      "<tool_call",
    ];
    for (const text of texts) {
      expect(reply(read([text]).events)).toEqual({ text, calls: [] });
      const both = reply(read([...(text + call)]).events);
      expect(both.calls).toEqual([{ name: "f", arguments: "{}", ended: true }]);
      expect(both.text.trimEnd()).toBe(text.trimEnd());
    }
  });

  test("that are cut off before the name is known are text, and no call, unless others came before", () => {
    const beginning = '<tool_call>\n{"name": "get';
    expect(reply(read([...`Hi.\n${beginning}`]).events)).toEqual({ text: `Hi.\n${beginning}`, calls: [] });
    const call = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>\n';
    expect(reply(read([...call, ...beginning]).events)).toMatchObject({ text: "", calls: [{ name: "f" }] });
  });

  test("and a text after calls is text", () => {
    const call = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>';
    expect(reply(read([...`${call} done`]).events)).toMatchObject({ text: " done", calls: [{ name: "f" }] });
  });

  test("are sent as soon as they are known: the name before its arguments, these piece by piece", () => {
    const pieces = ['<tool_call>\n{"name": "f", "arg', 'uments": ', '{"a"', ": 1", "}", "}\n</tool_call>"];
    const reader = setUp("hermes").read([]).reader;
    expect(pieces.map((piece) => reader.push(piece))).toEqual([
      [],
      [],
      [
        { type: "call", index: 0, name: "f" },
        { type: "arguments", index: 0, text: '{"a"' },
      ],
      [{ type: "arguments", index: 0, text: ": 1" }],
      [
        { type: "arguments", index: 0, text: "}" },
        { type: "end", index: 0 },
      ],
      [],
    ]);
  });
});

describe("control tokens", () => {
  test("that are spelled with ordinary tokens begin no call", () => {
    const { tokenizer, read, decode } = setUp("mistral");
    const text = '[TOOL_CALLS] [{"name": "f", "arguments": {}, "id": "aaaaaaaaa"}]';
    expect(reply(read(decode(tokenizer.encode(text))).events)).toEqual({ text, calls: [] });
    expect(reply(read(decode(tokenizer.encodeTrusted(text))).events).calls).toHaveLength(1);
  });

  test("are read with a tokenizer that marks the beginnings of words", () => {
    const { replyIds, read, decode } = setUp("mistral", true);
    const ids = replyIds({ role: "assistant", content: "", tool_calls: calls(2) });
    expect(parsed(reply(read(decode(ids)).events))).toEqual({ text: "", calls: written(2) });
  });

  test("inside arguments are left out", () => {
    const { tokenizer, read, decode } = setUp("mistral");
    const ids = tokenizer.encodeTrusted(
      '[TOOL_CALLS] [{"name": "f", "arguments": {"a": "[TOOL_CALLS]x"}, "id": "aaaaaaaaa"}]',
    );
    expect(reply(read(decode(ids)).events).calls).toEqual([{ name: "f", arguments: '{"a": "x"}', ended: true }]);
  });
});

test("a call that no text precedes begins the reply or is text", () => {
  const { read } = setUp("llama");
  const call = '{"name": "f", "parameters": {}}';
  expect(reply(read([...call]).events).calls).toHaveLength(1);
  expect(reply(read([...`x${call}`]).events)).toEqual({ text: `x${call}`, calls: [] });
});
