/**
 * Encodes text to token ids and decodes it, with a Hugging Face `tokenizer.json`.
 *
 * Control tokens (end of text, turn markers and the like) steer the model, so text from users must never produce one:
 * `encode` treats `<|im_end|>` as ordinary characters. Only trusted text, from a chat template or a corpus, may go through
 * `encodeTrusted` or `splitControl`.
 */
import { Tokenizer as TokenizerParts } from "@huggingface/tokenizers";
import { messageOf, TrimtabError } from "../errors.ts";
import { canonicalJson, sha256Hex } from "../formats/digest.ts";
import { quoteName } from "../formats/strict-json.ts";
import { BYTE_OF } from "./byte-level.ts";
import { createStreamDecoder, type StreamDecoder } from "./stream-decoder.ts";
import {
  type AddedToken,
  parseTokenizerConfig,
  parseTokenizerFile,
  type TokenizerConfig,
  type TokenizerFile,
} from "./tokenizer-file.ts";

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
   * The ids of an untrusted text. None of them is a control token.
   * `continues`: the text follows other tokens, which matters for tokenizers that mark the beginning of a text.
   */
  encode(text: string, options?: { continues?: boolean }): number[];
  /** The ids of a trusted text, in which control tokens keep their meaning. */
  encodeTrusted(text: string): number[];
  /** Splits trusted text at its control tokens, and at the ascending offsets `cuts` that fall in the text between them. */
  splitControl(text: string, cuts?: readonly number[]): TextPiece[];
  /** The exact text of the ids. Ids outside the vocabulary are skipped. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Decodes ids as they arrive. The pieces joined equal what `decode` returns for all ids. */
  stream(options?: DecodeOptions): StreamDecoder;
  /** The vocabulary's entry for an id. Byte-level tokenizers represent bytes by other characters here. */
  tokenOf(id: number): string | undefined;
  /** The bytes of one token, as reported in `logprobs`. */
  bytesOf(id: number): Uint8Array;
}

export interface DecodeOptions {
  /** Omit control tokens. */
  readonly skipSpecial?: boolean;
}

/** A piece [start, end) of a text: a control token if `id` is set, otherwise ordinary text. */
export interface TextPiece {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly id?: number;
}

/**
 * Loads a tokenizer from the parsed contents of `tokenizer.json` and `tokenizer_config.json`, and the text of
 * `chat_template.jinja` if the folder has that file (it takes precedence over the configuration's template).
 * Throws `invalid_model`, naming the missing part, the token without an id, or the missing end-of-text token.
 */
export function loadTokenizer(
  tokenizerJson: unknown,
  tokenizerConfigJson: unknown,
  chatTemplateFile?: string,
): Tokenizer {
  const file = parseTokenizerFile(tokenizerJson);
  const config = parseTokenizerConfig(tokenizerConfigJson);
  const named = [config.bos_token, config.eos_token, config.pad_token, config.unk_token].filter(isText);
  const controlNames = new Set([...named, ...(config.additional_special_tokens ?? []).filter(isText)]);
  const controlTokens = file.added_tokens.filter((token) => isControl(token, controlNames));
  const ordinaryTokens = file.added_tokens.filter((token) => !controlTokens.includes(token));

  const parts = buildParts({ ...file, added_tokens: ordinaryTokens });
  const model = parts.model!;
  const laterParts = partsForContinuedText(file, ordinaryTokens, parts);
  const control = new Map(controlTokens.map((token) => [token.content, token.id]));
  for (const name of named) {
    // Some vocabularies have </s> as an ordinary entry, but the configuration still makes it a control token.
    const id = control.get(name) ?? model.tokens_to_ids.get(name);
    if (id !== undefined && name !== config.unk_token) control.set(name, id);
  }
  const controlIds = new Map([...control].map(([text, id]) => [id, text]));
  const strips = new Map(controlTokens.map((token) => [token.content, token]));
  const finder = literalFinder(control.keys());
  const eosId = requireId("eos_token", config.eos_token, control);
  const bosId = config.bos_token === undefined ? undefined : requireId("bos_token", config.bos_token, control);
  const padId = config.pad_token === undefined ? eosId : requireId("pad_token", config.pad_token, control);
  const vocabSize = Math.max(model.vocab.length, ...[...control.values()].map((id) => id + 1));

  function tokenOf(id: number): string | undefined {
    return controlIds.get(id) ?? model.vocab[id];
  }

  function encode(text: string, options: { continues?: boolean } = {}): number[] {
    if (text === "") return [];
    const ids = (options.continues ? laterParts : parts).encode(text, { add_special_tokens: false }).ids;
    if (ids.includes(undefined as unknown as number)) {
      throw new TrimtabError(
        "invalid_model",
        "the tokenizer has no token for part of the text and defines no unk_token",
      );
    }
    if (!ids.some((id) => controlIds.has(id))) return ids;
    // If control tokens are ordinary entries of the vocabulary, they can match. Cutting inside their names prevents that.
    const cuts = [...text.matchAll(finder)].map((match) => match.index + firstCharacterLength(match[0]));
    const bounds = [0, ...cuts, text.length];
    return bounds
      .slice(1)
      .flatMap((end, index) =>
        (index > 0 || options.continues ? laterParts : parts)
          .encode(text.slice(bounds[index], end), { add_special_tokens: false })
          .ids.filter((id) => !controlIds.has(id)),
      );
  }

  function splitControl(text: string, cuts: readonly number[] = []): TextPiece[] {
    const pieces: TextPiece[] = [];
    let at = 0;
    const addText = (end: number) => {
      for (const cut of [...cuts.filter((cut) => cut > at && cut < end), end]) {
        if (cut > at) pieces.push({ text: text.slice(at, cut), start: at, end: cut });
        at = cut;
      }
    };
    for (const match of text.matchAll(finder)) {
      addText(match.index);
      at = match.index + match[0].length;
      pieces.push({ text: match[0], start: match.index, end: at, id: control.get(match[0])! });
    }
    addText(text.length);
    return pieces.map((piece, index) => {
      if (piece.id !== undefined) return piece;
      let kept = piece.text;
      if (strips.get(pieces[index + 1]?.text ?? "")?.lstrip) kept = kept.trimEnd();
      if (strips.get(pieces[index - 1]?.text ?? "")?.rstrip) kept = kept.trimStart();
      return { ...piece, text: kept };
    });
  }

  function encodeTrusted(text: string): number[] {
    return splitControl(text).flatMap((piece) =>
      piece.id === undefined ? encode(piece.text, { continues: piece.start > 0 }) : [piece.id],
    );
  }

  // The decoder must know the control tokens as added tokens, or it would decode them as bytes.
  const decoder = parts.decoder;
  if (decoder !== null) {
    decoder.added_tokens = [...decoder.added_tokens, ...controlTokens] as typeof decoder.added_tokens;
    keepByteOrderMarks(decoder);
  }

  function decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const tokens = ids
      .filter((id) => !(options.skipSpecial && controlIds.has(id)))
      .map(tokenOf)
      .filter(isText);
    return decoder === null ? tokens.join(" ") : decoder.decode(tokens);
  }

  const wholeTokens = new Set([...control.keys(), ...ordinaryTokens.map((token) => token.content)]);
  const byteLevel = isByteLevel(file);

  function bytesOf(id: number): Uint8Array {
    const token = tokenOf(id);
    if (token === undefined) return new Uint8Array(0);
    if (byteLevel && !wholeTokens.has(token))
      return Uint8Array.from(token, (character) => BYTE_OF.get(character) ?? 0x3f);
    const fallback = /^<0x([0-9A-F]{2})>$/.exec(token);
    if (fallback) return Uint8Array.of(Number.parseInt(fallback[1]!, 16));
    return new TextEncoder().encode(wholeTokens.has(token) ? token : token.replaceAll("▁", " "));
  }

  return {
    vocabSize,
    bosId,
    eosId,
    padId,
    control,
    namedTokens: namedTokens(config),
    chatTemplate: chatTemplateFile ?? config.chat_template ?? undefined,
    prefix: prefixOf(file, config.bos_token, control),
    encode,
    encodeTrusted,
    splitControl,
    decode,
    stream: (options = {}) =>
      createStreamDecoder({
        decode: (ids) => decode(ids, options),
        bytesOf: byteLevel ? (id) => (options.skipSpecial && controlIds.has(id) ? EMPTY : bytesOf(id)) : undefined,
        isWhole: (id) => wholeTokens.has(tokenOf(id) ?? ""),
      }),
    tokenOf,
    bytesOf,
  };
}

/** The digest that identifies the tokenizer of a delta or a cache. */
export function tokenizerDigest(tokenizerJson: unknown): Promise<string> {
  return sha256Hex(new TextEncoder().encode(canonicalJson(tokenizerJson)));
}

const EMPTY = new Uint8Array(0);

function namedTokens(config: TokenizerConfig): Record<string, string> {
  const { bos_token, eos_token, pad_token, unk_token } = config;
  const named = Object.entries({ bos_token, eos_token, pad_token, unk_token });
  return Object.fromEntries(named.filter((entry): entry is [string, string] => isText(entry[1])));
}

/** Whether a token is marked as special, named in the configuration, or written like a control token. */
function isControl(token: AddedToken, names: ReadonlySet<string>): boolean {
  return token.special || names.has(token.content) || /^<\|.*\|>$/.test(token.content);
}

function buildParts(file: TokenizerFile): TokenizerParts {
  try {
    return new TokenizerParts(file, {});
  } catch (error) {
    throw new TrimtabError("invalid_model", `tokenizer.json cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Tokenizers that mark the first word of a text (`prepend_scheme: "first"`) need a second pipeline with the same vocabulary
 * for text that follows other tokens.
 */
function partsForContinuedText(file: TokenizerFile, ordinary: AddedToken[], parts: TokenizerParts): TokenizerParts {
  const unmarked = JSON.stringify(file.pre_tokenizer).replaceAll(
    '"prepend_scheme":"first"',
    '"prepend_scheme":"never"',
  );
  if (unmarked === JSON.stringify(file.pre_tokenizer)) return parts;
  const later = buildParts({
    ...file,
    added_tokens: ordinary,
    pre_tokenizer: JSON.parse(unmarked) as TokenizerFile["pre_tokenizer"],
    model: { type: "BPE", vocab: {}, merges: [] },
  });
  later.model = parts.model;
  return later;
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

/** Supports only the prefix that decoders use: the beginning-of-text token. */
function prefixOf(file: TokenizerFile, bos: string | undefined, control: ReadonlyMap<string, number>): number[] {
  const processor = file.post_processor as { processors?: unknown[] } | null;
  for (const part of [processor, ...(processor?.processors ?? [])]) {
    const single = (part as { single?: unknown } | null)?.single;
    if (!Array.isArray(single)) continue;
    const first = (single[0] as { SpecialToken?: { id?: unknown } } | undefined)?.SpecialToken?.id;
    const id = bos !== undefined && first === bos ? control.get(bos) : undefined;
    if (id !== undefined) return [id];
  }
  return [];
}

/** Matches the longest of `literals` at each position. */
function literalFinder(literals: Iterable<string>): RegExp {
  const sources = [...literals]
    .sort((a, b) => b.length - a.length)
    .map((literal) => literal.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"));
  return new RegExp(sources.length > 0 ? sources.join("|") : "(?!)", "g");
}

function firstCharacterLength(text: string): number {
  return text.codePointAt(0)! > 0xffff ? 2 : 1;
}

/** The library's byte-fallback decoder drops U+FEFF; the reference keeps it. */
function keepByteOrderMarks(decoder: object): void {
  const parts = decoder as { decoders?: object[]; text_decoder?: unknown };
  if (parts.text_decoder !== undefined)
    parts.text_decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  for (const part of parts.decoders ?? []) keepByteOrderMarks(part);
}

function isByteLevel(file: TokenizerFile): boolean {
  const decoder = file.decoder as { type: string; decoders?: unknown[] } | null;
  return [decoder, ...(decoder?.decoders ?? [])].some(
    (part) => (part as { type?: unknown } | null)?.type === "ByteLevel",
  );
}

function isText(value: string | null | undefined): value is string {
  return typeof value === "string";
}
