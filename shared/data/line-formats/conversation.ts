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
    read(columns) {
      const messages = readMessages(columns, key);
      refuseMedia(columns, key, messages);
      return chatExample(withSystem(columns, messages), readTools(columns));
    },
  };
}

/** What LLaVA and others put into a text where an image belongs, and the columns that hold it. */
const MEDIA = /<(image|video|audio)>/;

/** A conversation about an image would teach to answer without seeing it. */
function refuseMedia(columns: Columns, key: string, messages: readonly TrainingMessage[]): void {
  for (const [at, { content }] of messages.entries()) {
    const medium = MEDIA.exec(content)?.[1];
    if (medium === undefined) continue;
    const column = [medium, `${medium}s`].find((name) => columns.has(name));
    if (column === undefined) continue;
    const problem = `stands for the ${medium} in \`${column}\`, but only text can be trained on; remove the record`;
    throw columns.error(`${key}[${at}]`, `<${medium}> ${problem}`);
  }
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
