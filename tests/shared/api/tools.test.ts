import { describe, expect, it } from "vitest";
import { requestError } from "../../../shared/api/parse.ts";
import { ChatTool, ChatToolChoice, chatToolRequest, toolProblem } from "../../../shared/api/tools.ts";
import { LIMITS } from "../../../shared/limits.ts";

const tool = (fields: Record<string, unknown> = {}): ChatTool =>
  ({
    type: "function",
    function: { name: "f", parameters: { type: "object", properties: {} }, ...fields },
  }) as ChatTool;
const refusalOf = (value: unknown) => {
  const { error } = ChatTool.safeParse(value);
  return error === undefined ? undefined : requestError(error, value);
};

/** A schema that holds `levels` objects, one in another. */
const nested = (levels: number): unknown => (levels === 0 ? {} : { a: nested(levels - 1) });

describe("a tool", () => {
  it.each([
    {},
    { name: "a-B_9".padEnd(64, "x") },
    { description: "x".repeat(LIMITS.toolDescription) },
    { parameters: undefined },
    { strict: true },
    { parameters: { type: "object", $defs: { a: { const: null } }, unknown_keyword: 1 } },
  ])("may be %j", (fields) => {
    expect(refusalOf(tool(fields))).toBeUndefined();
  });

  it.each([
    [{ name: "" }, "function.name"],
    [{ name: "a b" }, "function.name"],
    [{ name: "x".repeat(65) }, "function.name"],
    [{ name: "é" }, "function.name"],
    [{ description: "x".repeat(LIMITS.toolDescription + 1) }, "function.description"],
    [{ parameters: {} }, "function.parameters.type"],
    [{ parameters: { type: "array" } }, "function.parameters.type"],
    [{ parameters: true }, "function.parameters"],
    [{ strict: "yes" }, "function.strict"],
    [{ returns: {} }, "function.returns"],
  ])("may not have %j", (fields, param) => {
    expect(refusalOf(tool(fields))).toMatchObject({ code: "invalid_request", param });
  });

  it("nests as deep as templates take it, and no deeper", () => {
    const parameters = (levels: number) => ({ type: "object", x: nested(levels) });
    expect(refusalOf(tool({ parameters: parameters(LIMITS.toolNesting - 2) }))).toBeUndefined();
    expect(refusalOf(tool({ parameters: parameters(LIMITS.toolNesting) }))).toMatchObject({
      param: "function.parameters",
    });
  });

  it("is a function: other kinds are refused by name", () => {
    expect(refusalOf({ type: "custom", custom: { name: "f" } })).toMatchObject({
      code: "unsupported_parameter",
      param: "type",
      message: expect.stringContaining('"custom" is not supported'),
    });
  });
});

describe("tool_choice", () => {
  const named = (name: string) => ({ type: "function", function: { name } });
  const allowed = (mode: string, ...names: string[]) => ({
    type: "allowed_tools",
    allowed_tools: { mode, tools: names.map(named) },
  });

  it.each([
    ["none", { mode: "none", allowed: null, single: false }],
    ["auto", { mode: "auto", allowed: null, single: false }],
    ["required", { mode: "required", allowed: null, single: false }],
    [named("f"), { mode: "required", allowed: ["f"], single: true }],
    [allowed("auto", "f"), { mode: "auto", allowed: ["f"], single: false }],
    [allowed("required", "f"), { mode: "required", allowed: ["f"], single: false }],
  ])("%j", (choice, expected) => {
    const parsed = ChatToolChoice.parse(choice);
    const request = chatToolRequest({ tools: [tool()], tool_choice: parsed });
    expect(request).toMatchObject({ ...expected, functions: [{ name: "f" }] });
    expect(toolProblem(request)).toBeUndefined();
  });

  it.each(["any", named(""), { type: "custom", custom: { name: "f" } }, allowed("none", "f"), allowed("auto")])(
    "not %j",
    (choice) => {
      expect(ChatToolChoice.safeParse(choice).success).toBe(false);
    },
  );

  it("is auto where tools are given without it", () => {
    expect(chatToolRequest({ tools: [tool()] })).toMatchObject({ mode: "auto" });
    expect(chatToolRequest({})).toMatchObject({ mode: "auto", functions: [] });
  });

  it.each([
    [{ tools: [tool(), tool({ name: "g" }), tool()] }, ["tools", 2, "function", "name"], /"f" is given twice/],
    [{ tools: [tool()], tool_choice: named("g") }, ["tool_choice"], /"g" is not among them/],
    [{ tools: [tool()], tool_choice: allowed("auto", "f", "h") }, ["tool_choice"], /"h" is not among them/],
    [{ tool_choice: "required" }, ["tool_choice"], /without `tools`/],
    [{ tool_choice: named("g") }, ["tool_choice"], /"g" is not among them/],
  ])("has to fit the tools: %j", (request, path, message) => {
    const problem = toolProblem(chatToolRequest(request as Parameters<typeof chatToolRequest>[0]));
    expect(problem).toMatchObject({ path, message: expect.stringMatching(message) });
  });
});
