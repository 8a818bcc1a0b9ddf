/** The post-processor of a `tokenizer.json`: the tokens that it puts around a text. */
import { z } from "zod";
import { quoteName } from "../../formats/strict-json.ts";
import type { TokenizerFile } from "../tokenizer-file.ts";
import { unusable } from "./part.ts";

/**
 * The tokens that the post-processor puts before a text; as in transformers, the configuration's add_bos_token changes
 * nothing. Omits those that it puts after a text, because they would end the text that the model continues. Throws
 * `invalid_model` for a damaged post-processor.
 */
export function prefixOf(file: TokenizerFile): number[] {
  const processor = postProcessor.nullable().safeParse(file.post_processor);
  if (!processor.success) throw unusable("its post_processor is damaged");
  for (const { cls, single, special_tokens } of [processor.data, ...(processor.data?.processors ?? [])].filter(
    isPresent,
  )) {
    if (cls !== undefined) return [cls[1]];
    if (single === undefined) continue;
    const length = single.findIndex(({ SpecialToken }) => SpecialToken === undefined);
    const names = single.slice(0, length < 0 ? single.length : length).map(({ SpecialToken }) => SpecialToken!.id);
    return names.flatMap((name) => {
      const ids = special_tokens?.[name]?.ids;
      if (ids === undefined) throw unusable(`its post_processor has no ids for the token ${quoteName(name)}`);
      return ids;
    });
  }
  return [];
}

const processorFields = z.object({
  single: z.array(z.object({ SpecialToken: z.object({ id: z.string() }).optional() })).optional(),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int()) })).optional(),
  cls: z.tuple([z.string(), z.int()]).optional(),
});
const postProcessor = processorFields.extend({ processors: z.array(processorFields).optional() });

function isPresent<Value>(value: Value | null): value is Value {
  return value !== null;
}
