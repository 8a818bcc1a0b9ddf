/** Calls and their results in the messages of a chat. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { toolName } from "./tools.ts";

const callId = z.string().min(1).max(LIMITS.toolCallId);

export const ArgumentsText = z.string().refine(isObjectText, "must be a JSON object as text");

/** A call as a client sends it back, with what SDKs add. The arguments may be the JSON text or, for other clients, the object. */
export const MessageToolCall = z.strictObject({
  id: callId,
  type: z.literal("function"),
  function: z.strictObject({
    name: toolName,
    arguments: z.union([ArgumentsText, z.record(z.string(), z.unknown())]),
    parsed_arguments: z.unknown().optional().meta({ description: "Ignored: what an SDK made of `arguments`" }),
  }),
  index: z.int().optional().meta({ description: "Ignored: the place of a streamed call" }),
});
export type MessageToolCall = z.infer<typeof MessageToolCall>;

export const toolCallId = callId;

/** Models are asked for an object and may be stopped before they write any of it. */
function isObjectText(text: string): boolean {
  if (text.trim() === "") return true;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

interface Turn {
  readonly role: string;
  readonly tool_calls?: readonly { readonly id: string }[] | undefined;
  readonly tool_call_id?: string;
}

export interface TurnProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Each call must be answered right after its turn, once, and each answer must belong to a call. */
export function turnProblem(messages: readonly Turn[]): TurnProblem | undefined {
  let open: { readonly at: number; readonly ids: readonly string[]; readonly left: Set<string> } | undefined;
  const unanswered = (): TurnProblem | undefined => {
    const [missing] = open?.left ?? [];
    if (missing === undefined) return undefined;
    const message = `must be followed by a message of role "tool" for each call, and ${JSON.stringify(missing)} has none`;
    return { path: ["messages", open!.at, "tool_calls"], message };
  };
  for (const [at, { role, tool_calls: calls = [], tool_call_id: id = "" }] of messages.entries()) {
    if (role === "tool") {
      const path = ["messages", at, "tool_call_id"];
      if (open === undefined)
        return { path, message: "must answer one of the `tool_calls` of the assistant's turn before it" };
      if (!open.ids.includes(id))
        return { path, message: `must be one of ${open.ids.map((one) => JSON.stringify(one)).join(", ")}` };
      if (!open.left.delete(id)) return { path, message: "must not answer a call that another message answers" };
      continue;
    }
    const problem = unanswered();
    if (problem !== undefined) return problem;
    const ids = calls.map((call) => call.id);
    const again = ids.findIndex((one, index) => ids.indexOf(one) < index);
    if (again >= 0)
      return {
        path: ["messages", at, "tool_calls", again, "id"],
        message: "must differ from the ids of the other calls",
      };
    open = ids.length === 0 ? undefined : { at, ids, left: new Set(ids) };
  }
  return unanswered();
}
