/** What is measured of replies. */
import type { Replies, Reply } from "./steered-model.ts";

export const allReplies = (all: readonly Replies[]): Reply[] => all.flatMap(({ replies }) => replies);

/** Per token, under the base that was asked. */
export function perplexity(replies: readonly Reply[]): number {
  const sum = (of: (reply: Reply) => number) => replies.reduce((total, reply) => total + of(reply), 0);
  return Math.exp(-sum(({ logprob }) => logprob) / sum(({ ids }) => ids.length));
}

export function share<T>(all: readonly T[], holds: (one: T) => boolean): number {
  return all.filter(holds).length / all.length;
}

/** The share of a text's n-grams of tokens that have occurred in it before. */
export function repeated(ids: readonly number[], n = 4): number {
  const seen = new Set<string>();
  let again = 0;
  const count = Math.max(0, ids.length - n + 1);
  for (let at = 0; at < count; at++) {
    const gram = ids.slice(at, at + n).join();
    if (seen.has(gram)) again += 1;
    seen.add(gram);
  }
  return count === 0 ? 0 : again / count;
}

/** Positions of steering for each token of the texts. */
export function cost(all: readonly Replies[]): number {
  const sum = (of: (one: Replies) => number) => all.reduce((total, one) => total + of(one), 0);
  return sum(({ steeringTokens }) => steeringTokens) / sum(({ completionTokens }) => completionTokens);
}
