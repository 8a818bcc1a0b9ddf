import { refusalIn } from "../inspect/refusals.ts";
import type { FixRule } from "./rule.ts";

export const refusals: FixRule = {
  about: "lines in which a reply to learn refuses",
  line({ texts: { turns } }) {
    const refused = turns.some(
      ({ role, trained, text }) => role === "assistant" && trained && refusalIn(text) !== undefined,
    );
    return refused ? "refuses" : undefined;
  },
};
