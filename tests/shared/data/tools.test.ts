import { expect, test } from "vitest";
import { Columns } from "../../../shared/data/columns.ts";
import { readToolCalls, readTools } from "../../../shared/data/tools.ts";

const columns = (values: Record<string, unknown>) => new Columns(values, { number: 1, unit: "line", file: "d" });
const TOOL = { type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } };

test("tools may be wrapped or bare, a list or its JSON text; none is none", () => {
  expect(readTools(columns({ tools: [TOOL] }))).toEqual([TOOL]);
  expect(readTools(columns({ tools: [TOOL.function] }))).toEqual([TOOL]);
  expect(readTools(columns({ tools: JSON.stringify([TOOL]) }))).toEqual([TOOL]);
  for (const tools of [[], null, ""]) expect(readTools(columns({ tools }))).toBe(undefined);
  expect(readTools(columns({}))).toBe(undefined);
});

test("the nulls with which exports fill up a schema are left out, its defaults kept", () => {
  const padded = {
    type: "function",
    function: {
      name: "f",
      strict: null,
      parameters: { properties: { a: { default: null, enum: ["x", null] }, b: null } },
    },
  };
  expect(readTools(columns({ tools: [padded] }))).toEqual([
    {
      type: "function",
      function: { name: "f", parameters: { properties: { a: { default: null, enum: ["x", null] } } } },
    },
  ]);
});

test("arguments are JSON text or an object, and stay what they are", () => {
  const call = (given: unknown) =>
    readToolCalls(columns({}), [{ id: "c", type: "function", function: { name: "f", arguments: given } }], "calls");
  for (const given of ['{"a":1}', { a: null }]) {
    expect(call(given)).toEqual([{ id: "c", type: "function", function: { name: "f", arguments: given } }]);
  }
  expect(call(null)).toMatchObject([{ function: { arguments: "{}" } }]);
  expect(() => call(5)).toThrow("calls[0].function.arguments: must be an object or its JSON text, not the number 5");
});

test.each<[unknown, string]>([
  ["f", "calls: must be a list of calls, not a text"],
  [[{}], "calls[0].name: must be the name of the function that is called"],
  [[{ function: {} }], "calls[0].function.name: must be the name"],
])("the calls %j are refused", (calls, message) => {
  expect(() => readToolCalls(columns({}), calls, "calls")).toThrow(message);
});

test("tools of another shape are refused by their place", () => {
  expect(() => readTools(columns({ tools: [{ type: "retrieval" }] }))).toThrow('tools[0]: must be {"type": "function"');
  expect(() => readTools(columns({ tools: { f: 1 } }))).toThrow("tools: must be a list of tools, not an object");
});
