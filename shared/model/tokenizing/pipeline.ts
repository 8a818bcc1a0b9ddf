/**
 * A `tokenizer.json` as two functions, equal to the Rust `tokenizers` library: text → ids and ids → text. The one
 * difference: characters that Unicode added after that library's tables (from version 9 on) may count as punctuation or
 * accents only here.
 */
import type { AddedToken, TokenizerFile } from "../tokenizer-file.ts";
import { createTokenFinder } from "./added-tokens.ts";
import { createBpe } from "./bpe.ts";
import { createDecoder } from "./decoders.ts";
import type { TokenModel } from "./model.ts";
import { createNormalizer } from "./normalizers.ts";
import { type Part, requireType } from "./part.ts";
import { createPreTokenizer } from "./pre-tokenizers.ts";
import type { Piece, Place } from "./split.ts";
import { createUnigram } from "./unigram.ts";
import { createWordPiece } from "./wordpiece.ts";

export interface Pipeline {
  readonly model: TokenModel;
  /** The ids of a text, in which the added tokens given to `createPipeline` are recognised. */
  encode(text: string, place: Place): number[];
  decode(tokens: readonly string[]): string;
  /** The added tokens as they are decoded, by id: those found in normalized text are normalized themselves. */
  readonly added: ReadonlyMap<number, string>;
}

/**
 * `added`: the added tokens to recognise in text. Truncation, padding and the post-processor of the file are not applied.
 * Throws `invalid_model`, naming what is not supported.
 */
export function createPipeline(file: TokenizerFile, added: readonly AddedToken[]): Pipeline {
  const model = requireType("model", { ...file.model, type: modelType(file.model) }, MODELS)(file.model as Part);
  const normalize = createNormalizer(file.normalizer);
  const preTokenize = createPreTokenizer(file.pre_tokenizer);
  const decodeTokens = createDecoder(file.decoder);
  const written = (token: AddedToken) => (token.normalized ? normalize(token.content, "start") : token.content);
  const finderOf = (tokens: readonly AddedToken[]) =>
    createTokenFinder(new Map(tokens.map((token) => [written(token), token])));
  const findUnchanged = finderOf(added.filter(({ normalized }) => !normalized));
  const findNormalized = finderOf(added.filter(({ normalized }) => normalized));

  function encodePiece({ text, place }: Piece): number[] {
    const normalized = { text: normalize(text, place), place };
    return encodeBetween(normalized, findNormalized, (piece) =>
      preTokenize([piece]).flatMap((cut) => (cut.text === "" ? [] : [...model.encode(cut.text)])),
    );
  }

  return {
    model,
    encode: (text, place) => encodeBetween({ text: text.toWellFormed(), place }, findUnchanged, encodePiece),
    decode: (tokens) => decodeTokens(tokens).join(""),
    added: new Map(added.map((token) => [token.id, written(token)])),
  };
}

const MODELS = { BPE: createBpe, Unigram: createUnigram, WordPiece: createWordPiece };

/** Old files do not name the model's type. */
function modelType(model: TokenizerFile["model"]): string {
  if (model.type !== undefined) return model.type;
  if (Array.isArray(model.vocab)) return "Unigram";
  return model.merges === undefined ? "WordPiece" : "BPE";
}

type Finder = ReturnType<typeof createTokenFinder<AddedToken>>;

/** The ids of the added tokens in a piece, and of the text between them as `encode` gives them. */
function encodeBetween(piece: Piece, find: Finder, encode: (piece: Piece) => number[]): number[] {
  const ids: number[] = [];
  let at = 0;
  const encodeUpTo = (end: number) => {
    if (end === at) return;
    // A long text has more tokens than a call may have arguments.
    for (const id of encode({ text: piece.text.slice(at, end), place: at === 0 ? piece.place : "inside" }))
      ids.push(id);
  };
  for (const { token, from, to } of find(piece.text)) {
    encodeUpTo(from);
    ids.push(token.id);
    at = to;
  }
  encodeUpTo(piece.text.length);
  return ids;
}
