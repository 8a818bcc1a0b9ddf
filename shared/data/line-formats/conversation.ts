import type { Columns } from "../columns.ts";
import { chatExample, type TrainingMessage } from "../example.ts";
import { readContent, readMessages } from "../messages.ts";
import { readTools } from "../tools.ts";
import type { LineFormat } from "./format.ts";

const SYSTEM = ["system", "system_prompt", "systemInstruction"];

/** The columns that formats of conversations read beside the conversation. */
export const BESIDE_CONVERSATIONS = [...SYSTEM, "tools", "functions", "function_call", "parallel_tool_calls"];

/** A conversation in one column, with optional tools and system text in others. */
export function conversation({ id, name, key }: { id: string; name: string; key: string }): LineFormat {
  return {
    id,
    name,
    keys: [key],
    columns: BESIDE_CONVERSATIONS,
    read: (columns) => chatExample(withSystem(columns, readMessages(columns, key)), readTools(columns)),
  };
}

/** The conversation with the record's own system text first, unless it begins with one. */
export function withSystem(columns: Columns, messages: readonly TrainingMessage[]): TrainingMessage[] {
  const name = SYSTEM.find((candidate) => columns.has(candidate));
  if (name === undefined || messages[0]?.role === "system") return [...messages];
  const given = columns.take(name);
  const parts = typeof given === "object" && given !== null && "parts" in given ? given.parts : given;
  const content = readContent(columns, parts, name);
  return content === undefined || content === "" ? [...messages] : [{ role: "system", content }, ...messages];
}
