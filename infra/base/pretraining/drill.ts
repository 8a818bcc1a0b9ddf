import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { Random } from "../../../shared/random.ts";
import { POOL_WORDS } from "../corpus/words.ts";

/**
 * A list that is said two or three times over, as token ids: half the time random tokens, else random words. Nothing but
 * looking back predicts its repetitions, so it trains the attention heads that copy (Olsson et al. 2022, "In-context
 * learning and induction heads"), on which copying, sorting and extraction rest and which short tasks alone form slowly.
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
