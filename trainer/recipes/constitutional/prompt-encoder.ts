import { type ErrorCode, TrimtabError } from "../../../shared/errors.ts";
import { type ChatTemplate, IGNORED_LABEL, loadChatTemplate } from "../../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { TokenizedExample } from "../../data/units.ts";
import type { PromptText } from "./prompts.ts";

/** Prompts as training and serving encode them, and what is behind them as text. */
export function promptEncoder(tokenizer: Tokenizer, date: Date) {
  let loaded: ChatTemplate | undefined;
  const template = () => (loaded ??= loadChatTemplate(tokenizer, { clock: () => date }));
  const ends = new Set([tokenizer.eosId, ...(tokenizer.chatTemplate === undefined ? [] : template().stopIds)]);
  return {
    isEnd: (token: number) => ends.has(token),
    /** Empty for a conversation that the template refuses. */
    ids({ prompt, tools }: PromptText): number[] {
      if (typeof prompt === "string") return [...tokenizer.prefix, ...tokenizer.encode(prompt)];
      return unlessRefused(() => template().encodePrompt(prompt, { tools })) ?? [];
    },
    /** The prompt and an answer as training reads it, up to what ends it; null for a conversation that the template refuses. */
    answered({ prompt, tools }: PromptText, answer: string): TokenizedExample | null {
      if (typeof prompt === "string") {
        const before = [...tokenizer.prefix, ...tokenizer.encode(prompt)];
        const ids = Int32Array.from([...before, ...tokenizer.encode(answer, { continues: "text" })]);
        return { ids, labels: ids.map((id, at) => (at < before.length ? IGNORED_LABEL : id)) };
      }
      const turns = prompt.map((turn) => (turn.role === "assistant" ? { ...turn, weight: 0 as const } : turn));
      const example = unlessRefused(() =>
        template().encodeExample([...turns, { role: "assistant", content: answer }], { tools }),
      );
      const first = example?.labels.findIndex((label) => label !== IGNORED_LABEL) ?? -1;
      if (example === undefined || first < 0) return null;
      const end = example.ids.findIndex((id, at) => at >= first && ends.has(id));
      const cut = (numbers: readonly number[]) => Int32Array.from(numbers.slice(0, end < 0 ? undefined : end));
      return { ids: cut(example.ids), labels: cut(example.labels) };
    },
    text({ prompt }: PromptText, before: readonly number[], own: readonly number[]): string {
      // A chat template strips a turn; behind a text, every space counts.
      if (typeof prompt !== "string") return tokenizer.decode(own, { skipSpecial: true }).trim();
      const read = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecial: true });
      return read([...before, ...own]).slice(read(before).length);
    },
  };
}

const REFUSALS: readonly ErrorCode[] = ["invalid_request", "unsupported_parameter"];

/** undefined for what the template refuses. */
function unlessRefused<T>(encode: () => T): T | undefined {
  try {
    return encode();
  } catch (error) {
    if (error instanceof TrimtabError && REFUSALS.includes(error.code)) return undefined;
    throw error;
  }
}
