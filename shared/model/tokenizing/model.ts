/** The models of a `tokenizer.json`: from a piece of text to token ids. */

export interface TokenModel {
  /** Token → id. */
  readonly ids: ReadonlyMap<string, number>;
  /** Id → token; may have holes. */
  readonly tokens: readonly (string | undefined)[];
  /** The id for text that the vocabulary cannot express. */
  readonly unkId: number | undefined;
  /** Throws `invalid_model` if a piece is unknown and the model has no unknown token. */
  encode(piece: string): readonly number[];
}

/** Both directions of a vocabulary. The last id of a repeated token counts. */
export function vocabularyOf(entries: Iterable<readonly [token: string, id: number]>): {
  ids: Map<string, number>;
  tokens: (string | undefined)[];
} {
  const ids = new Map(entries);
  let size = 0;
  for (const id of ids.values()) size = Math.max(size, id + 1);
  const tokens = new Array<string | undefined>(size).fill(undefined);
  for (const [token, id] of ids) tokens[id] = token;
  return { ids, tokens };
}

/** The ids of a text's UTF-8 bytes as tokens such as <0x0A>; undefined if the vocabulary lacks one of them. */
export function byteTokenIds(text: string, ids: ReadonlyMap<string, number>): number[] | undefined {
  const found = Array.from(new TextEncoder().encode(text), (byte) => ids.get(byteToken(byte)));
  return found.includes(undefined) ? undefined : (found as number[]);
}

export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The byte that a token such as <0x0A> represents. */
export function byteOfToken(token: string): number | undefined {
  const digits = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}
