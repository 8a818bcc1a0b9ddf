/** Tools of `/v1/responses`: functions without the wrapper of chats, and calls and results as items. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { notSupported } from "./parse.ts";
import { ArgumentsText, toolCallId } from "./tool-turns.ts";
import { functionFields, type ToolRequest, toolName } from "./tools.ts";

export const ResponseTool = z
  .discriminatedUnion("type", [z.strictObject({ type: z.literal("function"), ...functionFields })])
  .meta({ id: "ResponseTool" });
export type ResponseTool = z.infer<typeof ResponseTool>;

const named = z.strictObject({ type: z.literal("function"), name: toolName });

export const ResponseToolChoice = z
  .union([
    z.enum(["none", "auto", "required"]),
    z.discriminatedUnion("type", [
      named,
      z.strictObject({
        type: z.literal("allowed_tools"),
        mode: z.enum(["auto", "required"]),
        tools: z.array(named).min(1).max(LIMITS.tools),
      }),
    ]),
  ])
  .meta({ id: "ResponseToolChoice" });
export type ResponseToolChoice = z.infer<typeof ResponseToolChoice>;

const itemFields = {
  id: z.string().max(300).optional(),
  status: z.enum(["in_progress", "completed", "incomplete"]).optional(),
  call_id: toolCallId,
};

/** A call of an earlier response's `output`, with what SDKs add. */
export const FunctionCallItem = z.strictObject({
  type: z.literal("function_call"),
  ...itemFields,
  name: toolName,
  arguments: ArgumentsText,
  parsed_arguments: z.unknown().optional(),
});
export type FunctionCallItem = z.infer<typeof FunctionCallItem>;

const outputPart = z.discriminatedUnion("type", [z.strictObject({ type: z.literal("input_text"), text: z.string() })]);

export const FunctionOutputItem = z.strictObject({
  type: z.literal("function_call_output"),
  ...itemFields,
  output: z.union([z.string(), z.array(outputPart).min(1).max(1000)]),
});
export type FunctionOutputItem = z.infer<typeof FunctionOutputItem>;

interface ResponseTools {
  readonly tools?: readonly unknown[] | undefined;
  readonly tool_choice?: ResponseToolChoice | undefined;
}

/** What was asked of the tools, which are functions; of tools that may not be called, nothing. */
export function responseToolRequest({ tools = [], tool_choice: choice = "auto" }: ResponseTools): ToolRequest {
  const given = choice === "none" ? [] : (tools as readonly ResponseTool[]);
  const functions = given.map(({ type: _, ...tool }) => tool);
  const request = { functions, nameField: ["name"], allowed: null, single: false };
  if (typeof choice === "string") return { ...request, mode: choice };
  if (choice.type === "function") return { ...request, mode: "required", allowed: [choice.name], single: true };
  return { ...request, mode: choice.mode, allowed: choice.tools.map(({ name }) => name) };
}

/** The first problem of a list of tools, if the model may call them: other kinds than functions are refused by name. */
export function checkResponseTools({ tools = [], tool_choice: choice }: ResponseTools, context: z.RefinementCtx): void {
  if (choice === "none") return;
  for (const [index, tool] of tools.entries()) {
    const { type } = tool as { type?: unknown };
    const isOther = typeof type === "string" && type !== "function";
    if (isOther) {
      context.addIssue({ code: "custom", path: ["tools"], message: notSupported('`tool_choice: "none"`') });
      continue;
    }
    for (const issue of ResponseTool.safeParse(tool).error?.issues ?? []) {
      context.addIssue({ ...issue, path: ["tools", index, ...issue.path] } as never);
    }
  }
}
