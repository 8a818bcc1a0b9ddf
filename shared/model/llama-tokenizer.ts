import { z } from "zod";
import { quoteName } from "../formats/strict-json.ts";
import type { TokenizerConfig, TokenizerFile } from "./tokenizer-file.ts";
import { unusable } from "./tokenizing/part.ts";

/** What config.json says about the tokenizer. */
const modelFields = z
  .looseObject({
    model_type: z.string().optional().catch(undefined),
    tokenizer_class: z.string().nullish().catch(null),
  })
  .catch({});

/**
 * A tokenizer.json as transformers 5 loads it. Of the class LlamaTokenizer it takes the vocabulary, the merges and the tokens put
 * around a text; how text is cut and joined follows from `legacy` and `add_prefix_space` of tokenizer_config.json, whatever
 * tokenizer.json says. Mistral's and Qwen2's folders keep their files, and so do those with a vocabulary of bytes. Throws
 * `invalid_model` for a vocabulary without merges, of which that class makes something else than it was.
 */
export function asLoaded(file: TokenizerFile, config: TokenizerConfig, modelConfig: unknown): TokenizerFile {
  const { model_type: type = "llama", tokenizer_class: modelClass } = modelFields.parse(modelConfig ?? {});
  const name = config.tokenizer_class ?? modelClass ?? "";
  if (name.replace(/Fast$/, "") !== "LlamaTokenizer" || type !== "llama" || isOfBytes(file)) return file;
  const { vocab, merges } = file.model;
  if (merges === undefined || Array.isArray(vocab)) {
    throw unusable(
      `its model has no merges, which the tokenizer_class ${quoteName(name)} is built from; set tokenizer_class to "PreTrainedTokenizerFast" in tokenizer_config.json, so that tokenizer.json is used as it is`,
    );
  }
  const prefixed = config.add_prefix_space ?? true;
  const scheme = config.legacy === true ? "always" : "first";
  return {
    ...file,
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: MARK, prepend_scheme: prefixed ? scheme : "never", split: false },
    decoder: { type: "Sequence", decoders: prefixed ? [...DECODERS, STRIP] : DECODERS },
    model: { type: "BPE", vocab, merges, fuse_unk: true, byte_fallback: true },
  };
}

const MARK = "▁";
const DECODERS = [
  { type: "Replace", pattern: { String: MARK }, content: " " },
  { type: "ByteFallback" },
  { type: "Fuse" },
];
const STRIP = { type: "Strip", content: " ", start: 1, stop: 0 };

function isOfBytes({ normalizer, pre_tokenizer, post_processor, decoder }: TokenizerFile): boolean {
  return JSON.stringify([normalizer, pre_tokenizer, post_processor, decoder]).includes('"ByteLevel"');
}
