import type { Columns } from "../columns.ts";
import { chatExample, type TrainingMessage } from "../example.ts";
import { readContent, readMessages } from "../messages.ts";
import { readTools } from "../tools.ts";
import type { LineFormat } from "./format.ts";

/** A conversation in one column, with optional tools and system text in others. */
function conversation(name: string, key: string): LineFormat {
  return {
    name,
    keys: [key],
    read: (columns) => chatExample(withSystem(columns, readMessages(columns, key)), readTools(columns)),
  };
}

/** The conversation with the record's own system text first, unless it begins with one. */
function withSystem(columns: Columns, messages: readonly TrainingMessage[]): TrainingMessage[] {
  const name = ["system", "system_prompt", "systemInstruction"].find((candidate) => columns.has(candidate));
  if (name === undefined || messages[0]?.role === "system") return [...messages];
  const given = columns.take(name);
  const parts = typeof given === "object" && given !== null && "parts" in given ? given.parts : given;
  const content = readContent(columns, parts, name);
  return content === undefined || content === "" ? [...messages] : [{ role: "system", content }, ...messages];
}

/** OpenAI's conversations: `{"messages": [{"role", "content"}, …]}`. */
export const chat = conversation("chat", "messages");

/** ShareGPT: `{"conversations": [{"from", "value"}, …]}`. */
export const sharegpt = conversation("ShareGPT", "conversations");

/** Gemini: `{"contents": [{"role", "parts": [{"text"}]}, …]}`. */
export const gemini = conversation("Gemini", "contents");

/** LMSYS and others: `{"conversation": [{"role", "content"}, …]}`. */
export const lmsys = conversation("LMSYS", "conversation");
