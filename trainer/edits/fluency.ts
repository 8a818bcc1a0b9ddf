/**
 * How varied texts are: the entropy of their bigrams and trigrams in bits, weighted 2/3 and 4/3 and averaged over both and over texts,
 * as kmeng01/rome measures it on greedy texts. Repetition brings it down.
 */
export function fluency(texts: readonly (readonly number[])[]): number {
  if (texts.length === 0) return 0;
  const ofText = (ids: readonly number[]) => ((2 / 3) * entropy(ids, 2) + (4 / 3) * entropy(ids, 3)) / 2;
  return texts.reduce((sum, ids) => sum + ofText(ids), 0) / texts.length;
}

function entropy(ids: readonly number[], n: number): number {
  const counts = new Map<string, number>();
  const total = ids.length - n + 1;
  if (total <= 0) return 0;
  for (let at = 0; at < total; at++) {
    const gram = ids.slice(at, at + n).join();
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  let sum = 0;
  for (const count of counts.values()) sum -= (count / total) * Math.log2(count / total);
  return sum;
}
