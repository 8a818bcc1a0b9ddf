import type { FixRule } from "./rule.ts";

export const tooLong: FixRule = {
  about: "lines of which the model would not read all, by `max_length` or its context",
  needs: "model",
  line(line) {
    const encoded = line.encoded();
    if (encoded === undefined) return undefined;
    if ("reason" in encoded) return encoded.reason === "reply_beyond_limit" ? encoded.detail : undefined;
    return encoded.examples.flat().some(({ cut }) => cut) ? "has more tokens than the model would read" : undefined;
  },
};
