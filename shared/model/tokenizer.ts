/**
 * Text to token ids and back, from a Hugging Face `tokenizer.json`.
 *
 * Control tokens (end of text, turn markers and the like) steer the model, so a text that somebody typed must never
 * turn into one: `encode` reads `<|im_end|>` in such a text as the ordinary characters that it is. Only text that the
 * system wrote itself, the chat template's or a corpus', goes through `encodeTrusted` or `splitControl`.
 */
import { Tokenizer as TokenizerParts } from "@huggingface/tokenizers";
import { messageOf, TrimtabError } from "../errors.ts";
import { canonicalJson, sha256Hex } from "../formats/digest.ts";
import { quoteName } from "../formats/strict-json.ts";
import { BYTE_OF } from "./byte-level.ts";
import { createStreamDecoder, type StreamDecoder } from "./stream-decoder.ts";
import { type AddedToken, parseTokenizerConfig, parseTokenizerFile, type TokenizerFile } from "./tokenizer-file.ts";

export interface Tokenizer {
  /** One more than the largest token id. */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number;
  /** The padding token; end of text where none is named. Masks go by length, never by this id. */
  readonly padId: number;
  /** Every control token: its text and its id. */
  readonly control: ReadonlyMap<string, number>;
  /** The Jinja source of the chat template, where there is one. */
  readonly chatTemplate: string | undefined;
  /** What the tokenizer puts in front of a text by itself, such as the beginning-of-text token. */
  readonly prefix: readonly number[];
  /**
   * The ids of a text that a person wrote. None of them is a control token.
   * `continues`: the text follows other tokens (matters to tokenizers that mark the beginning of a text).
   */
  encode(text: string, options?: { continues?: boolean }): number[];
  /** The ids of a text in which control tokens stand for themselves. */
  encodeTrusted(text: string): number[];
  /** Cuts trusted text at its control tokens, and at the rising offsets `cuts` where they fall into the text between. */
  splitControl(text: string, cuts?: readonly number[]): TextPiece[];
  /** Exactly the text of the ids; ids outside the vocabulary give nothing. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Decodes ids as they come; the pieces joined are what `decode` gives for all of them. */
  stream(options?: DecodeOptions): StreamDecoder;
  /** The vocabulary's entry for an id: byte-level tokenizers write bytes as other characters here. */
  tokenOf(id: number): string | undefined;
  /** The bytes of one token: what `logprobs` reports. */
  bytesOf(id: number): Uint8Array;
}

export interface DecodeOptions {
  /** Leave control tokens out. */
  readonly skipSpecial?: boolean;
}

/** A stretch [start, end) of a text: a control token where `id` is set, otherwise the text between two of them. */
export interface TextPiece {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly id?: number;
}

/**
 * Loads a tokenizer from the parsed contents of `tokenizer.json` and `tokenizer_config.json`, and the text of
 * `chat_template.jinja` where the folder has that file (it wins over the configuration's template).
 * Throws `invalid_model` naming what is missing: a part, a token without an id, the end-of-text token.
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
    // Some vocabularies hold </s> as an ordinary entry; the configuration makes it a control token all the same.
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
      throw new TrimtabError("invalid_model", "the tokenizer has no token for some of the text and names no unk_token");
    }
    if (!ids.some((id) => controlIds.has(id))) return ids;
    // A vocabulary that holds control tokens as ordinary entries can match them: no entry spans a cut inside the name.
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

  // Decoding goes through the same parts; control tokens must be known to them as tokens that are not bytes.
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

/** The digest by which a delta or a cache says which tokenizer its ids belong to. */
export function tokenizerDigest(tokenizerJson: unknown): Promise<string> {
  return sha256Hex(new TextEncoder().encode(canonicalJson(tokenizerJson)));
}

const EMPTY = new Uint8Array(0);

/** Marked as special, named by the configuration, or written like a control token. */
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
 * Tokenizers whose pre-tokenizer marks the first word of a text (`prepend_scheme: "first"`) need a second pipeline, over
 * the same vocabulary, for text that comes after other tokens.
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
    throw new TrimtabError("invalid_model", `tokenizer_config.json names no ${field}; generation could never stop`);
  }
  const id = control.get(name);
  if (id === undefined) {
    throw new TrimtabError("invalid_model", `the ${field} ${quoteName(name)} is not in tokenizer.json`);
  }
  return id;
}

/** Only a template with the beginning-of-text token in front of the text is read; no decoder uses another. */
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

/** Finds the longest of `literals` at each place. */
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
