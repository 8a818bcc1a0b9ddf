import { fieldsOf, joinFields, shuffled } from "./fields.ts";
import { type AugmentRule, askedText, withAskedText } from "./rule.ts";

export const fieldShuffle: AugmentRule = {
  about: "the same request with its fields in another order, where it is written as fields",
  makes: "examples",
  apply(example, random) {
    const asked = askedText(example);
    const found = asked === undefined ? undefined : fieldsOf(asked);
    if (found === undefined) return undefined;
    return withAskedText(example, joinFields({ ...found, fields: shuffled(found.fields, random) }));
  },
};
