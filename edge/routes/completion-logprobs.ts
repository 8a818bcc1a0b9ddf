/** Log-probabilities as completions report them: names of tokens, and where each begins in the text. */
import type { CompletionLogprobs } from "../../shared/api/completions.ts";
import type { PromptScore, TokenLogprob } from "../../shared/decode/events.ts";
import { type ChoiceChange, characterStarts, isContinuation, type PromptPart } from "./answer.ts";

type Scored = Pick<ChoiceChange, "scores" | "offset"> & { readonly prompt?: PromptPart };

/** Of the tokens of a text, after those of its prompt if they are scored too. `top`: alternatives of each of the prompt's. */
export function logprobsOf({ prompt, scores, offset }: Scored, top = 0): CompletionLogprobs | null {
  const before = prompt?.scores ?? null;
  if (scores === null && before === null) return null;
  const text = scores ?? [];
  const all = [...(before ?? []), ...text];
  const ofPrompt = ({ logprob, top: likeliest, ...token }: PromptScore) =>
    logprob === null ? null : byName(withOwn({ ...token, logprob }, likeliest.slice(0, top)));
  return {
    tokens: all.map(tokenName),
    token_logprobs: all.map(({ logprob }) => logprob),
    top_logprobs: [
      ...(before ?? []).map(ofPrompt),
      ...text.map(({ top: likeliest, ...token }) => byName(withOwn(token, likeliest))),
    ],
    text_offset: [...offsets(before ?? [], prompt?.offset ?? 0), ...offsets(text, offset)],
  };
}

/** Where each token begins, in characters, if the first one begins at `from`. */
function offsets(tokens: readonly Pick<TokenLogprob, "bytes">[], from: number): number[] {
  let at = from;
  return tokens.map(({ bytes }) => {
    // A token that continues a character has that character's offset.
    const start = at > 0 && bytes[0] !== undefined && isContinuation(bytes[0]) ? at - 1 : at;
    at += characterStarts(bytes);
    return start;
  });
}

/** The likeliest tokens and the token itself, which is last where it is not among them. */
function withOwn(own: TokenLogprob, top: readonly TokenLogprob[]): readonly TokenLogprob[] {
  return top.some(({ id }) => id === own.id) ? top : [...top, own];
}

/** The token's text, or `bytes:\xf0\x9f` for part of a character, as the OpenAI API writes it. */
function tokenName({ token, bytes }: Pick<TokenLogprob, "token" | "bytes">): string {
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
