import { badRoles } from "./bad-roles.ts";
import { contaminated } from "./contaminated.ts";
import { empty } from "./empty.ts";
import { exactDuplicates } from "./exact-duplicates.ts";
import { nearDuplicates } from "./near-duplicates.ts";
import { pii } from "./pii.ts";
import { refusals } from "./refusals.ts";
import type { FixRule } from "./rule.ts";
import { samePrompt } from "./same-prompt.ts";
import { tooLong } from "./too-long.ts";
import { untrainable } from "./untrainable.ts";

/** A line that several rules find is reported under the first of them. */
export const FIX_RULES = {
  empty,
  untrainable,
  "bad-roles": badRoles,
  "exact-duplicates": exactDuplicates,
  contaminated,
  "near-duplicates": nearDuplicates,
  "same-prompt": samePrompt,
  "too-long": tooLong,
  pii,
  refusals,
} as const satisfies Readonly<Record<string, FixRule>>;

export type FixRuleName = keyof typeof FIX_RULES;
export const FIX_RULE_NAMES = Object.keys(FIX_RULES) as FixRuleName[];
