import { ROLE_PROBLEMS, roleProblems } from "../inspect/roles.ts";
import type { FixRule } from "./rule.ts";

export const badRoles: FixRule = {
  about: "conversations whose turns do not follow each other as models expect",
  line({ texts, record }) {
    // What is asked alone ends without a reply, and an empty turn is another rule's.
    const found = roleProblems(texts).filter(
      (problem) => problem !== "empty_turn" && !(record.prompts && /reply/.test(problem)),
    );
    return found.length === 0 ? undefined : found.map((problem) => ROLE_PROBLEMS[problem]).join("; ");
  },
};
