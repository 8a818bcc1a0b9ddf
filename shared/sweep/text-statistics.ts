/** How varied texts are. Texts are lists of token ids, so that every language counts alike. */

/**
 * Distinct-n (Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016): the different n-grams
 * of all texts, as a share of all their n-grams. Over all n-grams rather than all tokens, as later work has it. It falls with the
 * amount of text, so compare equal amounts.
 *
 * @returns null where no text has n tokens
 */
export function distinctShare(texts: readonly (readonly number[])[], n: number): number | null {
  const seen = new Set<string>();
  let all = 0;
  for (const tokens of texts) {
    for (const gram of gramsOf(tokens, n)) {
      seen.add(gram);
      all++;
    }
  }
  return all === 0 ? null : seen.size / all;
}

/**
 * Seq-rep-n (Welleck et al., "Neural Text Generation with Unlikelihood Training", 2020): the share of a text's n-grams that it has
 * had before, on average over the texts that have any.
 *
 * @returns null where no text has n tokens
 */
export function repetitionRate(texts: readonly (readonly number[])[], n = 4): number | null {
  const shares = texts.flatMap((tokens) => {
    const own = distinctShare([tokens], n);
    return own === null ? [] : [1 - own];
  });
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function gramsOf(tokens: readonly number[], n: number): string[] {
  return Array.from({ length: Math.max(0, tokens.length - n + 1) }, (_, start) =>
    tokens.slice(start, start + n).join(" "),
  );
}
