/** Tools of `/v1/chat/completions`, as OpenAI takes them: functions that the model may call. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { cacheHints } from "./generate.ts";

export const toolName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, `_` and `-`");

/** JSON Schema of a function's arguments, which are an object. */
export const toolParameters = z
  .looseObject({ type: z.literal("object", 'must be "object", since the arguments of a function are one') })
  .refine((schema) => nestsAtMost(schema, LIMITS.toolNesting), `must nest at most ${LIMITS.toolNesting} levels deep`)
  .meta({ description: "JSON Schema of the arguments; left out: there are none" });

export const functionFields = {
  name: toolName,
  description: z.string().max(LIMITS.toolDescription).optional(),
  parameters: toolParameters.optional(),
  strict: z
    .boolean()
    .optional()
    .meta({ description: "Take OpenAI's subset of JSON Schema only; arguments follow the schema either way" }),
};

export const ChatTool = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("function"), function: z.strictObject(functionFields), ...cacheHints }),
  ])
  .meta({ id: "ChatTool" });
export type ChatTool = z.infer<typeof ChatTool>;

const named = z.strictObject({ type: z.literal("function"), function: z.strictObject({ name: toolName }) });

export const ChatToolChoice = z
  .union([
    z.enum(["none", "auto", "required"]),
    z.discriminatedUnion("type", [
      named,
      z.strictObject({
        type: z.literal("allowed_tools"),
        allowed_tools: z.strictObject({
          mode: z.enum(["auto", "required"]),
          tools: z.array(named).min(1).max(LIMITS.tools),
        }),
      }),
    ]),
  ])
  .meta({ id: "ChatToolChoice" });
export type ChatToolChoice = z.infer<typeof ChatToolChoice>;

/** A function, whichever API it came by. */
export interface ToolFunction {
  readonly name: string;
  readonly description?: string | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  readonly strict?: boolean | undefined;
}

/** What was asked of the tools, whichever API it came by. */
export interface ToolRequest {
  readonly functions: readonly ToolFunction[];
  /** Where the request has them, as a path: `tools[i]` followed by this. */
  readonly nameField: readonly string[];
  readonly mode: "none" | "auto" | "required";
  /** The names of the functions that may be called; null: all. */
  readonly allowed: readonly string[] | null;
  /** Whether exactly one call is asked for, since the request names its function. */
  readonly single: boolean;
}

export interface ToolProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What no field shows by itself: a name given twice, and a choice that the tools do not have. */
export function toolProblem({ functions, nameField, mode, allowed }: ToolRequest): ToolProblem | undefined {
  const names = functions.map(({ name }) => name);
  const again = names.findIndex((name, index) => names.indexOf(name) < index);
  if (again >= 0) {
    const message = `must differ from the names of the other tools, but ${JSON.stringify(names[again])} is given twice`;
    return { path: ["tools", again, ...nameField], message };
  }
  const unknown = allowed?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    return {
      path: ["tool_choice"],
      message: `must name one of the tools, and ${JSON.stringify(unknown)} is not among them`,
    };
  }
  if (mode === "required" && names.length === 0) {
    return { path: ["tool_choice"], message: "must not ask for a call without `tools` that could be called" };
  }
  return undefined;
}

interface ChatTools {
  readonly tools?: readonly ChatTool[] | undefined;
  readonly tool_choice?: ChatToolChoice | undefined;
}

export function chatToolRequest({ tools = [], tool_choice: choice = "auto" }: ChatTools): ToolRequest {
  const functions = tools.map((tool) => tool.function);
  const request = { functions, nameField: ["function", "name"], allowed: null, single: false };
  if (typeof choice === "string") return { ...request, mode: choice };
  if (choice.type === "function") {
    return { ...request, mode: "required", allowed: [choice.function.name], single: true };
  }
  const { mode, tools: allowed } = choice.allowed_tools;
  return { ...request, mode, allowed: allowed.map((tool) => tool.function.name) };
}

function nestsAtMost(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => nestsAtMost(inner, levels - 1));
}
