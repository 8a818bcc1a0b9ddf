import { wordsOf } from "../inspect/diversity/lexical.ts";
import { fieldsOf, joinFields } from "./fields.ts";
import { type AugmentRule, askedText, replyText, withAskedText } from "./rule.ts";

/** Words that most replies have, and that say nothing of a field. */
const COMMON = new Set("a an the of in on at to and or is are was it its for with by as from this that".split(" "));

/** Only fields of which the reply repeats no word go: it must still follow from what is left. */
export const fieldDrop: AugmentRule = {
  about: "the same request without one of its fields, where the reply says nothing of that field",
  makes: "examples",
  apply(example, random) {
    const asked = askedText(example);
    const found = asked === undefined ? undefined : fieldsOf(asked);
    const reply = new Set(wordsOf(replyText(example) ?? ""));
    if (found === undefined || reply.size === 0) return undefined;
    const unused = found.fields.filter((field) => {
      const value = wordsOf(field.slice(field.indexOf(":") + 1));
      return !value.some((word) => reply.has(word) && !COMMON.has(word));
    });
    if (unused.length === 0) return undefined;
    const dropped = unused[random.below(unused.length)]!;
    return withAskedText(example, joinFields({ ...found, fields: found.fields.filter((field) => field !== dropped) }));
  },
};
