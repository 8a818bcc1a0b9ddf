import type { FixRule } from "./rule.ts";

export const empty: FixRule = {
  about: "lines with an empty turn, an empty reply, or nothing at all",
  line({ texts: { turns, replies }, record: { prompts } }) {
    if (turns.some(({ text, calls }) => text.trim() === "" && !calls)) return "has an empty turn";
    return !prompts && replies.some((reply) => reply.trim() === "") ? "has an empty reply" : undefined;
  },
};
