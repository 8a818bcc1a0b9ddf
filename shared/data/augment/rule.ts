import type { Random } from "../../random.ts";
import type { Example } from "../example.ts";

/** A way to make further examples of those that a file has: a file and a row in the registry. */
export interface AugmentRule {
  /** What it makes, in words that follow "makes". */
  readonly about: string;
  /** `pairs`: lines of preferences, which cannot stand in one file with examples. */
  readonly makes: "examples" | "pairs";
  /**
   * Another form of an example, or undefined where it has none. Pure: the same draws make the same.
   *
   * @param others replies of other lines of the file, to draw from
   */
  apply(example: Example, random: Random, others: readonly string[]): Augmented | undefined;
}

export type Augmented = Example | PreferenceLine;

export interface PreferenceLine {
  readonly kind: "pair";
  readonly prompt: Example;
  readonly rejected: string;
}

/** The prompt's last user turn, which rules change; undefined where nobody asks. */
export function askedText(example: Example): string | undefined {
  if (example.kind === "led") return undefined;
  if (example.kind === "completion") return example.prompt === "" ? undefined : example.prompt;
  return example.messages.findLast(({ role }) => role === "user")?.content;
}

export function withAskedText(example: Example, text: string): Example {
  if (example.kind === "led") return example;
  if (example.kind === "completion") return { ...example, prompt: text };
  const at = example.messages.findLastIndex(({ role }) => role === "user");
  return { ...example, messages: example.messages.map((turn, k) => (k === at ? { ...turn, content: text } : turn)) };
}

/** The reply to the last user turn; undefined where there is none, or where it calls tools. */
export function replyText(example: Example): string | undefined {
  if (example.kind === "led") return undefined;
  if (example.kind === "completion") return example.completion;
  const last = example.messages.at(-1);
  return last?.role === "assistant" && last.tool_calls === undefined ? last.content : undefined;
}
