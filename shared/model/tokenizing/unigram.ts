/** SentencePiece's unigram model: of all ways to write a text as pieces, the one with the highest sum of scores. */
import { z } from "zod";
import { byteTokenIds, type TokenModel, vocabularyOf } from "./model.ts";
import { type Part, readPart, unusable } from "./part.ts";

const unigramSchema = z.object({
  vocab: z.array(z.tuple([z.string(), z.number()])).min(1),
  unk_id: z.int().min(0).nullish(),
  byte_fallback: z.boolean().default(false),
});

/** How far the score of an unknown character is below that of the worst piece. */
const UNKNOWN_PENALTY = 10;

interface TrieNode {
  readonly children: Map<string, TrieNode>;
  id: number | undefined;
}

/** Throws `invalid_model` for an unk_id outside the vocabulary. */
export function createUnigram(part: Part): TokenModel {
  const { vocab, unk_id, byte_fallback } = readPart("model", part, unigramSchema);
  const unkId = unk_id ?? undefined;
  if (unkId !== undefined && unkId >= vocab.length) throw unusable(`its unk_id ${unkId} is not in the vocabulary`);
  const { ids, tokens } = vocabularyOf(vocab.map(([token], id) => [token, id] as const));
  const scores = Float64Array.from(vocab, ([, score]) => score);
  const unknownScore =
    scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY;
  const trie = trieOf(ids);

  function requireUnknown(): number {
    if (unkId !== undefined) return unkId;
    throw unusable("it has no token for part of the text and no unk_id");
  }

  /** The best pieces, in order; neighbouring unknown characters are one piece. */
  function bestPieces(text: string): string[] {
    const characters = Array.from(text);
    const best = new Float64Array(characters.length + 1);
    const from = new Int32Array(characters.length + 1).fill(-1);
    const unknown = new Uint8Array(characters.length + 1);
    for (let start = 0; start < characters.length; start++) {
      const reach = (end: number, score: number, isUnknown: boolean) => {
        const total = best[start]! + score;
        if (from[end]! >= 0 && total <= best[end]!) return;
        best[end] = total;
        from[end] = start;
        unknown[end] = isUnknown ? 1 : 0;
      };
      let isSingleKnown = false;
      let node: TrieNode | undefined = trie;
      for (let end = start; end < characters.length; ) {
        node = node.children.get(characters[end]!);
        if (node === undefined) break;
        end++;
        if (node.id === undefined) continue;
        reach(end, scores[node.id]!, node.id === unkId);
        if (end === start + 1) isSingleKnown = true;
      }
      if (!isSingleKnown) {
        requireUnknown();
        reach(start + 1, unknownScore, true);
      }
    }
    return trace(characters, from, unknown);
  }

  return {
    ids,
    tokens,
    unkId,
    encode(text) {
      return bestPieces(text).flatMap((piece) => {
        const id = ids.get(piece);
        if (id !== undefined) return [id];
        return (byte_fallback ? byteTokenIds(piece, ids) : undefined) ?? [requireUnknown()];
      });
    },
  };
}

function trace(characters: readonly string[], from: Int32Array, unknown: Uint8Array): string[] {
  const pieces: string[] = [];
  let joins = false;
  for (let end = characters.length; end > 0; end = from[end]!) {
    const piece = characters.slice(from[end]!, end).join("");
    if (joins && unknown[end] === 1) pieces.push(piece + pieces.pop()!);
    else pieces.push(piece);
    joins = unknown[end] === 1;
  }
  return pieces.reverse();
}

function trieOf(ids: ReadonlyMap<string, number>): TrieNode {
  const root: TrieNode = { children: new Map(), id: undefined };
  for (const [token, id] of ids) {
    let node = root;
    for (const character of token) {
      let child = node.children.get(character);
      if (child === undefined) {
        child = { children: new Map(), id: undefined };
        node.children.set(character, child);
      }
      node = child;
    }
    // The empty token would match everywhere and lead nowhere.
    if (node !== root) node.id = id;
  }
  return root;
}
