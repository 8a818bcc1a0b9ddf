import type { OverlapKind } from "../inspect/copies.ts";
import type { FixRule } from "./rule.ts";

const SAYS: Readonly<Record<OverlapKind, string>> = {
  exact: "is a held-out line",
  near: "is nearly the same as a held-out line",
  ngrams: "shares a run of 13 words with a held-out line",
  prompt: "asks what a held-out line asks",
};

export const contaminated: FixRule = {
  about:
    "lines that are also in a file held out of training: the same, nearly so, with a long run of its words, or its prompt",
  needs: "held-out files",
  *copies({ overlaps }, { heldOut }) {
    for (const { line, file, other_line, kind } of overlaps) {
      yield { line, reason: `${SAYS[kind]}: line ${other_line} of ${heldOut[file]}` };
    }
  },
};
