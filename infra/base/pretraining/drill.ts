import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { Random } from "../../../shared/random.ts";
import { POOL_WORDS } from "../corpus/words.ts";

/**
 * A list repeated two or three times, as token ids: half the time random tokens, otherwise random words. Only looking back
 * predicts the repetitions, so drills train the attention heads that copy (Olsson et al. 2022, "In-context learning and
 * induction heads"). Copying, sorting and extraction need these heads, which form slowly from short tasks alone.
 */
export function drill(tokenizer: Tokenizer, random: Random): number[] {
  const newline = tokenizer.encode("\n");
  const words = random.float() < 0.5;
  const length = 8 + random.below(words ? 8 : 17);
  const firstOrdinary = tokenizer.control.size;
  const list = words
    ? tokenizer.encode(Array.from({ length }, () => POOL_WORDS[random.below(POOL_WORDS.length)]!).join(" "))
    : Array.from({ length }, () => firstOrdinary + random.below(tokenizer.vocabSize - firstOrdinary));
  const repeats = 2 + random.below(2);
  return Array.from({ length: repeats }, () => [...list, ...newline]).flat();
}
