/**
 * Parses `tokenizer.json` and `tokenizer_config.json`, checking every size before anything is allocated from it.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { quoteName } from "../formats/strict-json.ts";
import { demandOf } from "../issue-words.ts";

const MAX_VOCABULARY = 1_000_000;
const tokenId = z.int().min(0).max(MAX_VOCABULARY);

const addedToken = z
  .looseObject({
    id: tokenId,
    content: z.string().min(1).max(1000),
    special: z.boolean().default(false),
    /** Not found next to a letter or digit. */
    single_word: z.boolean().default(false),
    /** Takes the white space before it. */
    lstrip: z.boolean().default(false),
    /** Takes the white space after it. */
    rstrip: z.boolean().default(false),
    /** Found in the normalized text instead of the original. */
    normalized: z.boolean().optional(),
  })
  .transform((token) => ({ ...token, normalized: token.normalized ?? !token.special }));
export type AddedToken = z.infer<typeof addedToken>;

/** Not z.record, which drops a token named __proto__. */
function isVocabulary(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const ids: unknown[] = Object.values(value);
  return (
    ids.length <= MAX_VOCABULARY &&
    ids.every((id) => Number.isInteger(id) && 0 <= Number(id) && Number(id) <= MAX_VOCABULARY)
  );
}

const part = z.looseObject({ type: z.string() }).nullable().default(null);

const tokenizerFile = z.looseObject({
  added_tokens: z.array(addedToken).max(100_000).default([]),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
  decoder: part,
  model: z.looseObject({
    type: z.enum(["BPE", "Unigram", "WordPiece"], "supported models are BPE, Unigram and WordPiece").optional(),
    vocab: z.union([
      z.custom<Readonly<Record<string, number>>>(isVocabulary, "must be an object of token ids"),
      z.array(z.tuple([z.string(), z.number()])).max(MAX_VOCABULARY),
    ]),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
  }),
});
export type TokenizerFile = z.infer<typeof tokenizerFile>;

/** A token is its text, or an object that contains it. */
const tokenName = z
  .union([z.string(), z.looseObject({ content: z.string() })])
  .nullish()
  .transform((value) => (typeof value === "object" && value !== null ? value.content : (value ?? undefined)));

const tokenizerConfig = z.looseObject({
  tokenizer_class: z.string().nullish(),
  legacy: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  bos_token: tokenName,
  eos_token: tokenName,
  pad_token: tokenName,
  unk_token: tokenName,
  additional_special_tokens: z.array(tokenName).nullish(),
  chat_template: z
    .union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))])
    .nullish()
    .transform((value) =>
      Array.isArray(value) ? (value.find(({ name }) => name === "default") ?? value[0])?.template : value,
    ),
});
export type TokenizerConfig = z.infer<typeof tokenizerConfig>;

/** Throws `invalid_model`, naming the field that is missing or wrong. */
export function parseTokenizerFile(json: unknown): TokenizerFile {
  const file = check("tokenizer.json", tokenizerFile, json);
  const seen = new Map<number, string>();
  for (const { id, content } of file.added_tokens) {
    const other = seen.get(id);
    if (other !== undefined && other !== content) {
      throw new TrimtabError(
        "invalid_model",
        `tokenizer.json gives two added tokens the same id ${id}: ${quoteName(other)} and ${quoteName(content)}`,
      );
    }
    seen.set(id, content);
  }
  return file;
}

export function parseTokenizerConfig(json: unknown): TokenizerConfig {
  return check("tokenizer_config.json", tokenizerConfig, json);
}

function check<Out>(file: string, schema: z.ZodType<Out>, json: unknown): Out {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const where = issue.path.length > 0 ? ` at ${issue.path.map(String).join(".")}` : "";
  throw new TrimtabError("invalid_model", `${file} is invalid${where}: ${demandOf(issue)}`, {
    data: { file, path: issue.path.map(String) },
  });
}
