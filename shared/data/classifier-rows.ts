/**
 * The rows in which a classifier reads a text, the same in training and in serving:
 *
 *     lead + text             judged by its head after every token
 *     lead + control_c + text a row for each class c, which continues the text as that class would
 *
 * A text's own tokens are those that a generation has, `encode(text)`, and nothing is put between them and the row's start.
 */
import type { Tokenizer } from "../model/tokenizer.ts";

/** The most tokens of a class's control text. */
const MOST_CONTROL_TOKENS = 64;

/** What separates documents in the vocabularies of GPT-2's kind, whose chat models end their turns with another token. */
const END_OF_TEXT = "<|endoftext|>";

/**
 * The ids before every text: those that the tokenizer puts there itself, or else one control token, so that the first token of
 * the text has a position that predicts it: the beginning of text, what separates documents, or the end of text.
 */
export function classifierLead({
  prefix,
  bosId,
  control,
  eosId,
}: Pick<Tokenizer, "prefix" | "bosId" | "control" | "eosId">): number[] {
  return prefix.length > 0 ? [...prefix] : [bosId ?? control.get(END_OF_TEXT) ?? eosId];
}

/** The ids of a class's control text, its name on a line of its own. */
export function controlTokens(tokenizer: Pick<Tokenizer, "encode">, label: string): number[] {
  return tokenizer.encode(`${label}:\n`).slice(0, MOST_CONTROL_TOKENS);
}
