import { fieldDrop } from "./field-drop.ts";
import { fieldShuffle } from "./field-shuffle.ts";
import { negatives } from "./negatives.ts";
import { paraphrase } from "./paraphrase.ts";
import { rolePrompts } from "./role-prompts.ts";
import type { AugmentRule } from "./rule.ts";

export const AUGMENT_RULES = {
  paraphrase,
  "role-prompts": rolePrompts,
  "field-shuffle": fieldShuffle,
  "field-drop": fieldDrop,
  negatives,
} as const satisfies Readonly<Record<string, AugmentRule>>;

export type AugmentRuleName = keyof typeof AUGMENT_RULES;
export const AUGMENT_RULE_NAMES = Object.keys(AUGMENT_RULES) as AugmentRuleName[];
