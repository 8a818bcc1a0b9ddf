import type { FixRule } from "./rule.ts";

export const samePrompt: FixRule = {
  about: "lines that ask what an earlier one asks and are answered otherwise",
  *copies({ prompts }) {
    for (const { line, earlier_line } of prompts)
      yield { line, reason: "asks what an earlier line asks", other: earlier_line };
  },
};
