import { describe, expect, it } from "vitest";
import type { ChoiceChange } from "../../../edge/routes/answer.ts";
import { ItemStream } from "../../../edge/routes/item-stream.ts";

const change = (fields: Partial<ChoiceChange>): ChoiceChange => ({
  index: 0,
  text: "",
  scores: null,
  traces: null,
  offset: 0,
  finishReason: null,
  ...fields,
});
const began = (index: number, name: string) => change({ calls: [{ index, id: `call_${index}`, name, arguments: "" }] });
const more = (index: number, text: string) => change({ calls: [{ index, arguments: text }] });

function run(changes: readonly ChoiceChange[], isCut = false) {
  const items = new ItemStream("msg_1");
  const events = [...changes.flatMap((one) => items.take(one)), ...items.finish(isCut)];
  return { items, events, types: events.map(({ type }) => type.replace("response.", "")) };
}

describe("ItemStream", () => {
  it("opens a message for a text, and closes it before a call", () => {
    const { items, types } = run([change({ text: "a" }), change({ text: "b" }), began(0, "f"), more(0, "{}")]);
    expect(types).toEqual([
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
    ]);
    expect(items.done).toMatchObject([
      { id: "msg_1", type: "message", status: "completed", content: [{ text: "ab" }] },
      { type: "function_call", call_id: "call_0", name: "f", arguments: "{}", status: "completed" },
    ]);
  });

  it("keeps calls apart, each in its place of the output", () => {
    const { items, events } = run([began(0, "f"), more(0, '{"a"'), more(0, ":1}"), began(1, "g"), more(1, "{}")], true);
    expect(items.done).toMatchObject([
      { call_id: "call_0", arguments: '{"a":1}', status: "completed" },
      { call_id: "call_1", arguments: "{}", status: "incomplete" },
    ]);
    const places = events.map(({ fields }) => (fields as { output_index: number }).output_index);
    expect(places).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1]);
    const item = { status: "in_progress", name: "f", arguments: "" };
    expect(events[0]).toMatchObject({ type: "response.output_item.added", fields: { item } });
    expect(new Set(items.done.map(({ id }) => id)).size).toBe(2);
  });

  it("gives an answer without anything an empty message", () => {
    const { items, types } = run([change({ finishReason: "stop" })]);
    expect(types).toContain("output_item.added");
    expect(items.done).toMatchObject([{ type: "message", content: [{ text: "" }] }]);
  });
});
