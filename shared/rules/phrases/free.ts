/** Free text in which no phrase occurs. */
import type { RuleBuilder } from "../builder.ts";
import type { Term } from "../machine/terms.ts";

export function freeText(without: readonly string[], builder: RuleBuilder): Term {
  const { regexes } = builder;
  const around = (phrase: string) => regexes.sequence([regexes.everything, regexes.text(phrase), regexes.everything]);
  const language = regexes.and(without.map((phrase) => regexes.not(around(phrase))));
  return builder.regex(language, "utf8", "the free text");
}
