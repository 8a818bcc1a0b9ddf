/** How repetitive texts are, by which a policy that has found a loophole often gives itself away. */

/** Of all n-grams of all texts, the share of different ones (Li et al. 2016); 1 where there is none. */
export function distinct(texts: readonly ArrayLike<number>[], n: number): number {
  const seen = new Set<string>();
  let count = 0;
  for (const text of texts) {
    for (let at = 0; at + n <= text.length; at++) {
      count += 1;
      seen.add(gram(text, at, n));
    }
  }
  return count === 0 ? 1 : seen.size / count;
}

/** The mean share of a text's n-grams that have occurred earlier in it; 0 for a text without any. */
export function repetition(texts: readonly ArrayLike<number>[], n: number): number {
  if (texts.length === 0) return 0;
  const shares = texts.map((text) => {
    const count = text.length - n + 1;
    return count < 1 ? 0 : 1 - distinct([text], n);
  });
  return shares.reduce((sum, share) => sum + share, 0) / texts.length;
}

function gram(text: ArrayLike<number>, at: number, n: number): string {
  return Array.from({ length: n }, (_, i) => text[at + i]).join();
}
