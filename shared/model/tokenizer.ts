/**
 * Encodes text to token ids and decodes it, with a Hugging Face `tokenizer.json`.
 *
 * Control tokens (end of text, turn markers and the like) steer the model, so text from users must never produce one:
 * `encode` treats `<|im_end|>` as ordinary characters. Only trusted text, from a chat template or a corpus, may go through
 * `encodeTrusted` or `splitControl`.
 */
import { TrimtabError } from "../errors.ts";
import { canonicalJson, sha256Hex } from "../formats/digest.ts";
import { quoteName } from "../formats/strict-json.ts";
import { bytesOfCharacters } from "./byte-level.ts";
import { asLoaded } from "./llama-tokenizer.ts";
import { createStreamDecoder, type StreamDecoder } from "./stream-decoder.ts";
import { type AddedToken, parseTokenizerConfig, parseTokenizerFile, type TokenizerConfig } from "./tokenizer-file.ts";
import { createTokenFinder, literalFinder } from "./tokenizing/added-tokens.ts";
import { hasByteFallback, isByteLevelDecoder } from "./tokenizing/decoders.ts";
import { byteOfToken } from "./tokenizing/model.ts";
import { unusable } from "./tokenizing/part.ts";
import { createPipeline } from "./tokenizing/pipeline.ts";
import { prefixOf } from "./tokenizing/post-processor.ts";
import type { Place } from "./tokenizing/split.ts";

export interface Tokenizer {
  /** One more than the largest token id. */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number;
  /** The padding token, or end of text if the model defines none. Build masks from lengths, never from this id. */
  readonly padId: number;
  /** Every control token: text → id. */
  readonly control: ReadonlyMap<string, number>;
  /** The tokens that the configuration names, such as `bos_token`, which chat templates read under these names. */
  readonly namedTokens: Readonly<Record<string, string>>;
  /** The Jinja source of the chat template, if the model has one. */
  readonly chatTemplate: string | undefined;
  /** The ids that the tokenizer itself puts before a text, such as the beginning-of-text token. */
  readonly prefix: readonly number[];
  /**
   * The ids of an untrusted text. None is a control token, except the unknown token for text that the vocabulary lacks.
   * `continues`: `true` if the text follows a control token, so that it does not get the mark of a text's first word;
   * `"text"` if it continues other text, so that it does not get the mark of a word's beginning either.
   */
  encode(text: string, options?: { continues?: Continues }): number[];
  /** The ids of a trusted text, in which control tokens keep their meaning. */
  encodeTrusted(text: string): number[];
  /** Splits trusted text at its control tokens, and at the ascending offsets `cuts` that fall in the text between them. */
  splitControl(text: string, cuts?: readonly number[]): TextPiece[];
  /** The exact text of the ids. Ids outside the vocabulary are skipped. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /**
   * Decodes ids as they arrive. The pieces joined equal what `decode` returns for all ids; with `after`, what it
   * returns for those and the new ids together, less its text for `after` alone. One exception: byte tokens that are
   * not UTF-8 do not change earlier text that was already returned.
   */
  stream(options?: StreamOptions): StreamDecoder;
  /** The vocabulary's entry for an id. Byte-level tokenizers represent bytes by other characters here. */
  tokenOf(id: number): string | undefined;
  /**
   * The text of one token inside a text, with the space that it begins with, or of the `first` token, whose leading
   * space some tokenizers add and remove again. Bytes that do not form a character give U+FFFD.
   */
  textOf(id: number, options?: TokenTextOptions): string;
  /** The bytes of the same text, as reported in `logprobs`; unlike `textOf`, exact for a part of a character. */
  bytesOf(id: number, options?: TokenTextOptions): Uint8Array;
}

export type Continues = boolean | "text";

export interface DecodeOptions {
  /** Omit control tokens. */
  readonly skipSpecial?: boolean;
}

export interface TokenTextOptions {
  /** Whether the token begins the text. */
  readonly first?: boolean;
}

export interface StreamOptions extends DecodeOptions {
  /** The ids before the first one, for text that continues theirs. */
  readonly after?: readonly number[];
}

/** A piece [start, end) of a text: a control token if `id` is set, otherwise ordinary text. */
export interface TextPiece {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly id?: number;
}

/** The other files of a folder that concern its tokenizer. */
export interface TokenizerFolder {
  /** The text of `chat_template.jinja`, which takes precedence over the configuration's template. */
  readonly chatTemplate?: string | undefined;
  /** The parsed config.json. */
  readonly modelConfig?: unknown;
}

/**
 * Loads a tokenizer from the parsed contents of `tokenizer.json` and `tokenizer_config.json`.
 * Throws `invalid_model`, naming the missing part, the token without an id, or the missing end-of-text token.
 */
export function loadTokenizer(
  tokenizerJson: unknown,
  tokenizerConfigJson: unknown,
  { chatTemplate, modelConfig }: TokenizerFolder = {},
): Tokenizer {
  const config = parseTokenizerConfig(tokenizerConfigJson);
  const file = asLoaded(parseTokenizerFile(tokenizerJson), config, modelConfig);
  const named = [config.bos_token, config.eos_token, config.pad_token, config.unk_token].filter(isText);
  const controlNames = new Set([...named, ...(config.additional_special_tokens ?? []).filter(isText)]);
  const controlTokens = file.added_tokens.filter((token) => isControl(token, controlNames));
  const ordinaryTokens = file.added_tokens.filter((token) => !controlTokens.includes(token));

  const pipeline = createPipeline(file, ordinaryTokens);
  const { model } = pipeline;
  requireOneId(file.added_tokens, model.ids);
  const addedControl = new Map(controlTokens.map((token) => [token.content, token]));
  const control = new Map(controlTokens.map((token) => [token.content, token.id]));
  for (const name of named) {
    // Some vocabularies have </s> as an ordinary entry, but the configuration still makes it a control token.
    const id = control.get(name) ?? model.ids.get(name);
    if (id !== undefined && name !== config.unk_token) control.set(name, id);
  }
  const controlIds = new Map([...control].map(([text, id]) => [id, text]));
  const tokens = model.tokens.slice();
  for (const [id, text] of pipeline.added) tokens[id] = text;
  for (const [id, text] of controlIds) tokens[id] = text;
  const finder = literalFinder(control.keys());
  const findControl = createTokenFinder(
    new Map([...control].map(([text, id]) => [text, { ...PLAIN, ...addedControl.get(text), id }])),
  );
  const eosId = requireId("eos_token", config.eos_token, control);
  const bosId = config.bos_token === undefined ? undefined : requireId("bos_token", config.bos_token, control);
  const padId = config.pad_token === undefined ? eosId : requireId("pad_token", config.pad_token, control);
  function tokenOf(id: number): string | undefined {
    return tokens[id];
  }

  /** The unknown token does not steer the model, so text that the vocabulary lacks may become it. */
  function isForbidden(id: number): boolean {
    return controlIds.has(id) && id !== model.unkId;
  }

  function encode(text: string, { continues = false }: { continues?: Continues } = {}): number[] {
    const place = placeOf(continues);
    const ids = pipeline.encode(text, place);
    if (!ids.some(isForbidden)) return ids;
    // If control tokens are ordinary entries of the vocabulary, they can match. Cutting inside their names prevents that.
    const cuts = [...text.matchAll(finder)].map((match) => match.index + firstCharacterLength(match[0]));
    const bounds = [0, ...cuts, text.length];
    return bounds
      .slice(1)
      .flatMap((end, index) => pipeline.encode(text.slice(bounds[index], end), index > 0 ? "middle" : place))
      .filter((id) => !isForbidden(id));
  }

  function splitControl(text: string, cuts: readonly number[] = []): TextPiece[] {
    const pieces: TextPiece[] = [];
    let at = 0;
    // Offsets tile the text; what a control token strips, [kept.end, end) and the like, is missing from `text` alone.
    const addText = (end: number, kept: { start: number; end: number }) => {
      for (const cut of [...cuts.filter((cut) => cut > at && cut < end), end]) {
        if (cut > at) {
          const shown = text.slice(Math.max(at, kept.start), Math.max(at, kept.start, Math.min(cut, kept.end)));
          pieces.push({ text: shown, start: at, end: cut });
        }
        at = cut;
      }
    };
    let keptFrom = 0;
    for (const { token, start, end, from, to } of findControl(text)) {
      addText(start, { start: keptFrom, end: from });
      at = end;
      keptFrom = to;
      pieces.push({ text: text.slice(start, end), start, end, id: token.id });
    }
    addText(text.length, { start: keptFrom, end: text.length });
    return pieces;
  }

  function encodeTrusted(text: string): number[] {
    return splitControl(text).flatMap((piece) =>
      piece.id === undefined ? encode(piece.text, { continues: piece.start > 0 }) : [piece.id],
    );
  }

  function decode(ids: readonly number[], options: DecodeOptions = {}): string {
    return pipeline.decode(ids.filter((id) => !isSkipped(id, options)).map((id) => tokens[id]!));
  }

  function isSkipped(id: number, { skipSpecial = false }: DecodeOptions): boolean {
    return tokens[id] === undefined || (skipSpecial && controlIds.has(id));
  }

  const byteLevel = isByteLevelDecoder(file.decoder);
  const byteFallback = hasByteFallback(file.decoder);
  const byteOf = (id: number) => (byteFallback ? byteOfToken(tokens[id] ?? "") : undefined);
  const anchor = anchorOf(tokens, decode);

  function textOf(id: number, { first = false }: TokenTextOptions = {}): string {
    if (byteLevel || byteOf(id) !== undefined) {
      return new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(bytesOf(id));
    }
    return first ? decode([id]) : decode([anchor, id]).slice(decode([anchor]).length);
  }

  function bytesOf(id: number, options?: TokenTextOptions): Uint8Array {
    if (byteLevel) return bytesOfCharacters(tokens[id] ?? "");
    const byte = byteOf(id);
    return byte === undefined ? new TextEncoder().encode(textOf(id, options)) : Uint8Array.of(byte);
  }

  function stream({ after = [], ...options }: StreamOptions = {}): StreamDecoder {
    return createStreamDecoder(
      {
        decode,
        bytesOf: byteLevel ? bytesOf : undefined,
        byteOf,
        isSkipped: (id) => isSkipped(id, options),
      },
      after,
    );
  }

  return {
    vocabSize: tokens.length,
    bosId,
    eosId,
    padId,
    control,
    namedTokens: namedTokens(config),
    chatTemplate: chatTemplate ?? config.chat_template ?? undefined,
    prefix: prefixOf(file),
    encode,
    encodeTrusted,
    splitControl,
    decode,
    stream,
    tokenOf,
    textOf,
    bytesOf,
  };
}

/** The digest that identifies the tokenizer of a delta or a cache. */
export function tokenizerDigest(tokenizerJson: unknown): Promise<string> {
  return sha256Hex(new TextEncoder().encode(canonicalJson(tokenizerJson)));
}

/** The text form of a control token that is not an added token. */
const PLAIN = { single_word: false, lstrip: false, rstrip: false };

function placeOf(continues: Continues): Place {
  if (continues === "text") return "middle";
  return continues ? "inside" : "start";
}

/** A token that decodes to a plain word, so that the tokens after it decode as they would inside a text. */
function anchorOf(tokens: readonly (string | undefined)[], decode: (ids: readonly number[]) => string): number {
  const found = tokens.findIndex((token, id) => token !== undefined && /^[A-Za-z0-9]+$/.test(decode([id])));
  return Math.max(found, 0);
}

function namedTokens(config: TokenizerConfig): Record<string, string> {
  const { bos_token, eos_token, pad_token, unk_token } = config;
  const named = Object.entries({ bos_token, eos_token, pad_token, unk_token });
  return Object.fromEntries(named.filter((entry): entry is [string, string] => isText(entry[1])));
}

/** Whether a token is marked as special, named in the configuration, or written like a control token. */
function isControl(token: AddedToken, names: ReadonlySet<string>): boolean {
  return token.special || names.has(token.content) || /^<\|.*\|>$/.test(token.content);
}

function requireOneId(added: readonly AddedToken[], ids: ReadonlyMap<string, number>): void {
  for (const { id, content } of added) {
    const other = ids.get(content) ?? id;
    if (other === id) continue;
    throw unusable(
      `it gives the token ${quoteName(content)} the id ${id} in added_tokens and ${other} in the vocabulary; make them equal`,
    );
  }
}

function requireId(field: string, name: string | undefined, control: ReadonlyMap<string, number>): number {
  if (name === undefined) {
    throw new TrimtabError(
      "invalid_model",
      `tokenizer_config.json has no ${field}, so generation could never stop; add it`,
    );
  }
  const id = control.get(name);
  if (id === undefined) {
    throw new TrimtabError("invalid_model", `the ${field} ${quoteName(name)} is not in tokenizer.json`);
  }
  return id;
}

function firstCharacterLength(text: string): number {
  return text.codePointAt(0)! > 0xffff ? 2 : 1;
}

function isText(value: string | null | undefined): value is string {
  return typeof value === "string";
}
