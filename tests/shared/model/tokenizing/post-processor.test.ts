import { expect, test } from "vitest";
import { parseTokenizerFile } from "../../../../shared/model/tokenizer-file.ts";
import { prefixOf } from "../../../../shared/model/tokenizing/post-processor.ts";

const prefix = (post_processor: object | null) =>
  prefixOf(parseTokenizerFile({ model: { type: "BPE", vocab: {}, merges: [] }, post_processor }));
const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const TEXT = { Sequence: { id: "A", type_id: 0 } };
const template = (...single: object[]) => ({
  type: "TemplateProcessing",
  single,
  pair: [],
  special_tokens: {
    "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] },
    "<two>": { id: "<two>", ids: [3, 4], tokens: ["a", "b"] },
    "</s>": { id: "</s>", ids: [2], tokens: ["</s>"] },
  },
});

test("every token before the text, none after it", () => {
  expect(prefix(template(special("<s>"), TEXT, special("</s>")))).toEqual([1]);
  expect(prefix(template(special("<s>"), special("<two>"), TEXT))).toEqual([1, 3, 4]);
  expect(prefix(template(TEXT, special("</s>")))).toEqual([]);
});

test("it may be one of several, of another kind, or missing", () => {
  const bytes = { type: "ByteLevel", add_prefix_space: true, trim_offsets: false };
  expect(prefix({ type: "Sequence", processors: [bytes, template(special("<s>"), TEXT)] })).toEqual([1]);
  expect(prefix({ type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 1], trim_offsets: true })).toEqual([1]);
  expect([prefix(bytes), prefix(null)]).toEqual([[], []]);
});

test("a token without ids and a damaged template are refused", () => {
  expect(() => prefix(template(special("<x>"), TEXT))).toThrow('no ids for the token "<x>"');
  expect(() => prefix({ type: "TemplateProcessing", single: "<s> $A" })).toThrow("its post_processor is damaged");
});
