/** What a line says, as looks at data compare it: who says what, what is asked, and what is replied. */
import type { Example, TrainingMessage } from "../example.ts";

export interface Turn {
  readonly role: TrainingMessage["role"];
  readonly text: string;
  /** Whether the model learns to write it. */
  readonly trained: boolean;
  /** Calls of tools, which stand for a text where there is none. */
  readonly calls: boolean;
}

export interface LineTexts {
  /** Its number in the file, counted from 1, or its `lineId`. */
  readonly line: number;
  /** Of its first example. */
  readonly turns: readonly Turn[];
  /** The first thing that is asked; empty where nothing is, as in bare texts. */
  readonly instruction: string;
  /** All that stands before the last reply, without system prompts. */
  readonly prompt: string;
  /** The last reply of each example: one, or those that a line of preferences compares. */
  readonly replies: readonly string[];
  /** Prompt and replies: what near copies share. System prompts are left out, since whole files share them. */
  readonly content: string;
  /** Everything with its roles: equal in copies alone. */
  readonly key: string;
}

/** @param examples of one line; at least one */
export function lineTexts(line: number, examples: readonly Example[]): LineTexts {
  const all = examples.map(turnsOf);
  const turns = all[0] ?? [];
  const end = lastReply(turns);
  const prompt = joined(turns.slice(0, end).filter(({ role }) => role !== "system"));
  const replies = all.map((each) => joined(each.slice(lastReply(each))));
  return {
    line,
    turns,
    instruction: turns.find(({ role }) => role === "user")?.text ?? "",
    prompt,
    replies,
    content: [prompt, ...replies].filter((part) => part !== "").join("\n"),
    key: JSON.stringify(all.map((each) => each.map(({ role, text, calls }) => [role, text, calls]))),
  };
}

const joined = (turns: readonly Turn[]) => turns.map(({ text }) => text).join("\n");

function turnsOf(example: Example): Turn[] {
  if (example.kind === "led") return [{ role: "assistant", text: example.text, trained: true, calls: false }];
  if (example.kind === "completion") {
    const { prompt, completion } = example;
    const asked: Turn[] = prompt === "" ? [] : [{ role: "user", text: prompt, trained: false, calls: false }];
    return [...asked, { role: "assistant", text: completion, trained: true, calls: false }];
  }
  return example.messages.map(({ role, content, weight, tool_calls: calls }) => ({
    role,
    text: calls === undefined ? content : [content, JSON.stringify(calls)].filter((part) => part !== "").join("\n"),
    trained: role === "assistant" && weight !== 0,
    calls: calls !== undefined,
  }));
}

/** Where the last reply begins; the end where the line has none. */
function lastReply(turns: readonly Turn[]): number {
  for (let at = turns.length - 1; at >= 0; at--) if (turns[at]!.role === "assistant") return at;
  return turns.length;
}
