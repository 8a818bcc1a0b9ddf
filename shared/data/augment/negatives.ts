import { type AugmentRule, replyText } from "./rule.ts";

const TRIES = 8;

/** The reply that a model should not give is one to another request, which is wrong and reads well. */
export const negatives: AugmentRule = {
  about: "pairs of preferences: the reply against one to another line's request",
  makes: "pairs",
  apply(example, random, others) {
    const reply = replyText(example);
    if (reply === undefined || reply === "" || others.length === 0) return undefined;
    for (let tried = 0; tried < TRIES; tried++) {
      const rejected = others[random.below(others.length)]!;
      if (rejected.trim() !== reply.trim()) return { kind: "pair", prompt: example, rejected };
    }
    return undefined;
  },
};
