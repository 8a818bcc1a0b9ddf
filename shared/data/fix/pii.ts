import { findPii, PII_KINDS } from "../inspect/pii/registry.ts";
import type { FixRule } from "./rule.ts";

export const pii: FixRule = {
  about: "lines with personal data or secrets",
  line({ texts: { turns, replies } }) {
    const texts = [...turns.map(({ text }) => text), ...replies.slice(1)];
    const kinds = new Set(texts.flatMap(findPii).map(({ kind }) => PII_KINDS[kind].about));
    return kinds.size === 0 ? undefined : `has ${[...kinds].join(", ")}`;
  },
};
