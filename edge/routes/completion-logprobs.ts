/** Log-probabilities as completions report them: names of tokens, and where each begins in the text. */
import type { CompletionLogprobs } from "../../shared/api/completions.ts";
import type { TokenLogprob } from "../../shared/decode/events.ts";
import { type ChoiceChange, characterStarts, isContinuation } from "./answer.ts";

/** `offset`: the characters before these tokens. */
export function logprobsOf({ scores, offset }: Pick<ChoiceChange, "scores" | "offset">): CompletionLogprobs | null {
  if (scores === null) return null;
  let at = offset;
  return {
    tokens: scores.map(tokenName),
    token_logprobs: scores.map(({ logprob }) => logprob),
    top_logprobs: scores.map(({ top }) => byName(top)),
    text_offset: scores.map(({ bytes }) => {
      // A token that continues a character has that character's offset.
      const start = at > 0 && bytes[0] !== undefined && isContinuation(bytes[0]) ? at - 1 : at;
      at += characterStarts(bytes);
      return start;
    }),
  };
}

/** The token's text, or `bytes:\xf0\x9f` for part of a character, as the OpenAI API writes it. */
function tokenName({ token, bytes }: TokenLogprob): string {
  if (!token.includes("\ufffd") || isText(token, bytes)) return token;
  return `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}

/** Whether the bytes spell this text, so that the model itself wrote any U+FFFD in it. */
function isText(token: string, bytes: readonly number[]): boolean {
  const spelt = new TextEncoder().encode(token);
  return spelt.length === bytes.length && bytes.every((byte, index) => byte === spelt[index]);
}

/** Two tokens may share a text: the likeliest gets the plain name, the others `token_id:` and their id. */
function byName(top: readonly TokenLogprob[]): Record<string, number> {
  const named = new Map<string, number>();
  for (const scored of top) {
    const name = tokenName(scored);
    named.set(named.has(name) ? `token_id:${scored.id}` : name, scored.logprob);
  }
  return Object.fromEntries(named);
}
