import type { FixRule } from "./rule.ts";

export const untrainable: FixRule = {
  about: "lines that a job would leave out: without a reply to learn, or refused by the model's template",
  line({ record, ...line }) {
    const encoded = line.encoded();
    if (encoded !== undefined && "reason" in encoded) return encoded.detail;
    return record.trainable || record.prompts ? undefined : "has nothing to learn";
  },
};
