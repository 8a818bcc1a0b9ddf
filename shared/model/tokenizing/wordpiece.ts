/** BERT's model: the longest known beginning of a word, then of its rest, which carries a prefix such as ##. */
import { z } from "zod";
import { type TokenModel, vocabularyOf } from "./model.ts";
import { type Part, readPart, unusable } from "./part.ts";

const wordPieceSchema = z.object({
  vocab: z.record(z.string(), z.int()),
  unk_token: z.string().default("[UNK]"),
  continuing_subword_prefix: z.string().default("##"),
  max_input_chars_per_word: z.int().min(1).default(100),
});

export function createWordPiece(part: Part): TokenModel {
  const config = readPart("model", part, wordPieceSchema);
  const { ids, tokens } = vocabularyOf(Object.entries(config.vocab));
  const unkId = ids.get(config.unk_token);

  function unknown(): number[] {
    if (unkId === undefined) throw unusable("it has no token for part of the text and no unk_token");
    return [unkId];
  }

  return {
    ids,
    tokens,
    unkId,
    encode(word) {
      const characters = Array.from(word);
      if (characters.length > config.max_input_chars_per_word) return unknown();
      const found: number[] = [];
      for (let start = 0; start < characters.length; ) {
        const prefix = start > 0 ? config.continuing_subword_prefix : "";
        const idUpTo = (end: number) => ids.get(prefix + characters.slice(start, end).join(""));
        let end = characters.length;
        while (end > start && idUpTo(end) === undefined) end--;
        if (end === start) return unknown();
        found.push(idUpTo(end)!);
        start = end;
      }
      return found;
    },
  };
}
