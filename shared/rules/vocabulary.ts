/** A tokenizer's vocabulary as a tree of its tokens' bytes, through which a rule walks once instead of trying every token. */
import { TrimtabError } from "../errors.ts";
import type { Tokenizer } from "../model/tokenizer.ts";

/** What rules need of a vocabulary. V counts the logits. */
export interface VocabularySource {
  /** V. Ids from here on do not exist. */
  readonly size: number;
  /** The bytes that a token adds to a text; undefined for tokens that no text holds. */
  readonly bytesOf: (token: number) => Uint8Array | undefined;
  /** Control tokens by their text. Rules never allow one that they do not name. */
  readonly control: ReadonlyMap<string, number>;
  readonly endTokens: Iterable<number>;
}

export interface RuleVocabulary {
  readonly size: number;
  readonly control: ReadonlyMap<string, number>;
  readonly endTokens: readonly number[];
  /** The end tokens as a mask of V bits. */
  readonly endMask: Uint32Array;
  readonly bytesOf: (token: number) => Uint8Array | undefined;
  readonly tree: TokenTree;
  /** Which of the 256 bytes are tokens of their own. */
  readonly writable: readonly boolean[];
}

/**
 * Nodes in depth-first order; the root is node 0. Node i is reached by `byte[i]` from its parent, its subtree is [i, end[i]),
 * and its tokens are `tokens` from `first[i]` up to `first[i + 1]`.
 */
export interface TokenTree {
  readonly byte: Uint8Array;
  readonly end: Int32Array;
  readonly first: Int32Array;
  readonly tokens: Int32Array;
  /** Bytes of the longest token. */
  readonly longest: number;
}

/** The vocabulary of a tokenizer; `size` is the number of logits, where that is not the tokenizer's own. */
export function vocabularyOf(tokenizer: Tokenizer, endTokens: Iterable<number>, size = tokenizer.vocabSize) {
  const control = new Set(tokenizer.control.values());
  return createVocabulary({
    size,
    control: tokenizer.control,
    endTokens,
    bytesOf: (token) => (control.has(token) || token >= tokenizer.vocabSize ? undefined : tokenizer.bytesOf(token)),
  });
}

/** Sorts all tokens once, in V log V. Throws `invalid_model` if no token could end a text. */
export function createVocabulary(source: VocabularySource): RuleVocabulary {
  const endTokens = [...new Set(source.endTokens)].filter((token) => token < source.size).sort((a, b) => a - b);
  if (endTokens.length === 0) {
    throw new TrimtabError("invalid_model", "the model has no token that ends a text, so no rule could ever end");
  }
  const closed = new Set([...endTokens, ...source.control.values()]);
  const entries: { readonly token: number; readonly bytes: Uint8Array }[] = [];
  for (let token = 0; token < source.size; token++) {
    const bytes = closed.has(token) ? undefined : source.bytesOf(token);
    // A token without bytes would go on for ever without writing anything.
    if (bytes !== undefined && bytes.length > 0) entries.push({ token, bytes });
  }
  const writable = new Array<boolean>(256).fill(false);
  for (const { bytes } of entries) if (bytes.length === 1) writable[bytes[0]!] = true;
  const known = new Map(entries.map(({ token, bytes }) => [token, bytes]));
  return {
    size: source.size,
    control: source.control,
    endTokens,
    endMask: maskOf(endTokens, source.size),
    bytesOf: (token) => known.get(token),
    tree: treeOf(entries),
    writable,
  };
}

/** A mask of `size` bits in words of 32, token t at bit t mod 32 of word ⌊t / 32⌋. */
export function maskOf(tokens: Iterable<number>, size: number): Uint32Array {
  const mask = new Uint32Array(Math.ceil(size / 32));
  for (const token of tokens) mask[token >>> 5]! |= 1 << (token & 31);
  return mask;
}

export function hasBit(mask: Uint32Array, token: number): boolean {
  return ((mask[token >>> 5] ?? 0) & (1 << (token & 31))) !== 0;
}

function treeOf(entries: { readonly token: number; readonly bytes: Uint8Array }[]): TokenTree {
  entries.sort((a, b) => compare(a.bytes, b.bytes) || a.token - b.token);
  const [byte, end, first] = [[0], [0], [0]];
  // The nodes on the way to the last token; a node ends where the next token leaves its subtree.
  let path = [0];
  let last = new Uint8Array();
  for (const [index, { bytes }] of entries.entries()) {
    const shared = commonPrefix(last, bytes);
    for (const node of path.slice(shared + 1)) end[node] = byte.length;
    path = path.slice(0, shared + 1);
    for (let depth = shared; depth < bytes.length; depth++) {
      path.push(byte.length);
      byte.push(bytes[depth]!);
      end.push(0);
      first.push(index);
    }
    last = bytes as Uint8Array<ArrayBuffer>;
  }
  for (const node of path) end[node] = byte.length;
  return {
    byte: Uint8Array.from(byte),
    end: Int32Array.from(end),
    first: Int32Array.from([...first, entries.length]),
    tokens: Int32Array.from(entries, ({ token }) => token),
    longest: entries.reduce((longest, { bytes }) => Math.max(longest, bytes.length), 0),
  };
}

function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = commonPrefix(a, b);
  if (shared < a.length && shared < b.length) return a[shared]! - b[shared]!;
  return a.length - b.length;
}
