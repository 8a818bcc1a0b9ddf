import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { Numbered } from "./words.ts";

const BITS = 32;

/**
 * The length of the longest common subsequence of `a` and `b`, in n·m/32 steps and memory for n + m (Hyyrö, "Bit-parallel
 * LCS-length computation revisited", 2004). Where the paper works on words of n bits, this takes 32 elements of `a` at a time
 * and remembers the carry at each element of `b`.
 *
 * @throws TrimtabError invalid_request where n·m is more than `LIMITS.graderWork`
 */
export function commonSubsequence({ a, b, count }: Numbered): number {
  if (a.length * b.length > LIMITS.graderWork) {
    const message = `Texts of ${a.length} and ${b.length} parts take too much work to compare: their product must be at most ${LIMITS.graderWork}. Shorten them, or compare them by \`rouge_1\`.`;
    throw new TrimtabError("invalid_request", message);
  }
  const masks = new Uint32Array(count);
  const carries = new Uint8Array(b.length);
  let length = 0;
  for (let start = 0; start < a.length; start += BITS) {
    const block = a.subarray(start, start + BITS);
    block.forEach((id, bit) => {
      masks[id] = masks[id]! | (1 << bit);
    });
    length += block.length - onesAfter(block.length, { b, masks, carries });
    for (const id of block) masks[id] = 0;
  }
  return length;
}

/** Runs one block over all of `b`, and counts the bits of its `size` that stay set: elements without a partner. Changes `carries`. */
function onesAfter(
  size: number,
  { b, masks, carries }: { readonly b: Int32Array; readonly masks: Uint32Array; readonly carries: Uint8Array },
): number {
  let open = 0xffff_ffff;
  for (let j = 0; j < b.length; j++) {
    const matched = (open & masks[b[j]!]!) >>> 0;
    const sum = open + matched + carries[j]!;
    carries[j] = sum > 0xffff_ffff ? 1 : 0;
    open = ((sum >>> 0) | (open & ~matched)) >>> 0;
  }
  let ones = 0;
  for (let bit = 0; bit < size; bit++) ones += (open >>> bit) & 1;
  return ones;
}
