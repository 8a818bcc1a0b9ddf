import { z } from "zod";
import { rougeL } from "../../graders/text/rouge.ts";
import { wordsOf } from "../words.ts";
import { type Filter, PASSED, shown } from "./filter.ts";

const Settings = z.strictObject({
  max_rouge: z.number().min(0).max(1).default(0.9).meta({
    description: "The greatest ROUGE-L with the instruction that it was made from: above it nothing has evolved",
  }),
});

/** Words of the request that a model copies instead of following it. */
const COPIED = /\b(?:given task|rewritten task|new task|harder task|#\s*(?:task|rewritten))/i;
const REFUSAL = /\b(?:i am sorry|i'm sorry|sorry, (?:but )?i|i cannot|i can't|as an ai)\b/i;
/** A refusal is short; a long text that says sorry is about something. */
const REFUSAL_WORDS = 80;

/** Rejects what did not evolve, as Evol-Instruct (Xu et al., 2023) does: copies, parts of the request, refusals, and bare punctuation. */
export const elimination: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "example",
  check({ instruction, output, source }, { max_rouge: most }) {
    const near = source === undefined ? 0 : rougeL(instruction, source);
    if (near > most)
      return { reason: `its ROUGE-L with the instruction that it was made from is ${shown(near)}`, score: near };
    if (COPIED.test(instruction)) return { reason: "its instruction repeats words of the request" };
    const words = wordsOf(output ?? "");
    if (words.length === 0) return { reason: "its output has no word" };
    if (words.length < REFUSAL_WORDS && REFUSAL.test(output ?? "")) return { reason: "its output is a refusal" };
    return source === undefined ? PASSED : { reason: null, score: near };
  },
};
