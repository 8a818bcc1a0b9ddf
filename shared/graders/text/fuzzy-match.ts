import { commonSubsequence } from "./common-subsequence.ts";
import { numbered } from "./words.ts";

/**
 * How alike two texts are character by character, between 0 and 1: rapidfuzz's `fuzz.ratio`, over 100, which is 2·LCS/(n + m) in
 * code points. Case and white space count. Two empty texts are alike. Throws `invalid_request` for texts that take too much work.
 */
export function fuzzyMatch(input: string, reference: string): number {
  const characters = numbered([...input], [...reference]);
  const total = characters.a.length + characters.b.length;
  return total === 0 ? 1 : (2 * commonSubsequence(characters)) / total;
}
