import type { FixRule } from "./rule.ts";

export const exactDuplicates: FixRule = {
  about: "lines that say word for word what another one says",
  *copies({ exact }, groups) {
    for (const first of new Set(exact.map(({ earlier_line }) => earlier_line))) {
      for (const { line, kept } of groups.dropped(groups.withRepeats(first))) {
        yield { line, reason: "says the same as another line", ...(kept === undefined ? {} : { other: kept }) };
      }
    }
  },
};
