import type { FixRule } from "./rule.ts";

/** Exact copies are near copies too, of a line that is in a cluster. */
export const nearDuplicates: FixRule = {
  about: "lines that are nearly the same as another one, by the threshold of `similarity`",
  *copies({ clusters }, groups) {
    for (const cluster of clusters) {
      const all = cluster.flatMap((line) => groups.withRepeats(line)).sort((a, b) => a - b);
      for (const { line, kept } of groups.dropped(all)) {
        const reason = `is one of ${all.length} lines that are nearly the same`;
        yield { line, reason, ...(kept === undefined ? {} : { other: kept }) };
      }
    }
  },
};
