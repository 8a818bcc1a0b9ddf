/**
 * Watches a text for phrases, byte by byte: which ones it has written so far, and how much of one it may be in the middle of
 * (Aho & Corasick 1975).
 */
import { RULE_LIMITS, refuse } from "../limits.ts";

export interface Phrases {
  readonly start: number;
  /** The state after a byte, or −1 if a banned phrase would be complete. */
  next(state: number, byte: number): number;
  /** Whether every required phrase was written. */
  isComplete(state: number): boolean;
  /** Whether the text ends with a part of a phrase. */
  isInside(state: number): boolean;
  /** The bytes that phrases have, and those that cannot be written: all others lead to the same state. */
  readonly special: readonly number[];
  /** One of the other bytes; undefined if there is none. */
  readonly other: number | undefined;
}

interface Node {
  readonly next: Map<number, number>;
  /** The node of the longest shorter end of the text that begins a phrase. */
  back: number;
  isBanned: boolean;
  /** Bits of the required phrases that are complete here. */
  found: number;
}

/** Checks phrases by themselves. Throws `invalid_request`, naming the phrase. */
export function requirePhrases(banned: readonly string[], required: readonly string[]): void {
  for (const [field, phrases] of [
    ["banned", banned],
    ["required", required],
  ] as const) {
    const most = RULE_LIMITS[field];
    if (phrases.length > most) throw refuse(`${field} has ${phrases.length} phrases; at most ${most} fit`, { field });
    if (phrases.includes("")) throw refuse(`${field} has an empty phrase; remove it`, { field });
    const torn = phrases.find((phrase) => !phrase.isWellFormed());
    if (torn !== undefined)
      throw refuse(`${field} has a phrase with half of a surrogate pair, which no text contains; remove it`, { field });
  }
  const characters = [...banned, ...required].reduce((sum, { length }) => sum + length, 0);
  if (characters > RULE_LIMITS.phraseCharacters) {
    throw refuse(
      `banned and required have ${characters} characters together; at most ${RULE_LIMITS.phraseCharacters} fit`,
    );
  }
  for (const wanted of required) {
    const part = banned.find((phrase) => wanted.includes(phrase));
    if (part === undefined) continue;
    throw refuse(
      `the required phrase ${JSON.stringify(wanted)} holds the banned phrase ${JSON.stringify(part)}; drop one of them`,
      { field: "required" },
    );
  }
}

/** `writable`: the bytes that the vocabulary has; a text may not hold others. */
export function createPhrases(
  banned: readonly string[],
  required: readonly string[],
  writable: readonly boolean[],
): Phrases {
  const nodes: Node[] = [{ next: new Map(), back: 0, isBanned: false, found: 0 }];
  const add = (phrase: string): Node => {
    let node = 0;
    for (const byte of new TextEncoder().encode(phrase)) {
      let after = nodes[node]!.next.get(byte);
      if (after === undefined) {
        after = nodes.length;
        nodes.push({ next: new Map(), back: 0, isBanned: false, found: 0 });
        nodes[node]!.next.set(byte, after);
      }
      node = after;
    }
    return nodes[node]!;
  };
  for (const phrase of banned) add(phrase).isBanned = true;
  for (const [index, phrase] of required.entries()) add(phrase).found |= 1 << index;
  const moves = movesOf(nodes);

  const all = (1 << required.length) - 1;
  const states: { readonly node: number; readonly found: number; readonly next: Int32Array }[] = [];
  const known = new Map<string, number>();
  const intern = (node: number, found: number): number => {
    const key = `${node},${found}`;
    let state = known.get(key);
    if (state === undefined) {
      state = states.length;
      known.set(key, state);
      states.push({ node, found, next: new Int32Array(256).fill(UNKNOWN) });
    }
    return state;
  };
  const bytes = new Set(nodes.flatMap(({ next }) => [...next.keys()]));
  const special = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => bytes.has(byte) || !writable[byte]);

  return {
    start: intern(0, 0),
    next(state, byte) {
      const { node, found, next } = states[state]!;
      if (next[byte] !== UNKNOWN) return next[byte]!;
      const after = moves[node]!.get(byte) ?? 0;
      const isDead = !writable[byte] || nodes[after]!.isBanned;
      next[byte] = isDead ? -1 : intern(after, found | nodes[after]!.found);
      return next[byte]!;
    },
    isComplete: (state) => states[state]!.found === all,
    isInside: (state) => states[state]!.node !== 0,
    special,
    other: Array.from({ length: 256 }, (_, byte) => byte).find((byte) => !special.includes(byte)),
  };
}

const UNKNOWN = -2;

/** By node: where each byte leads that any phrase has; all others lead back to the beginning. */
function movesOf(nodes: readonly Node[]): readonly ReadonlyMap<number, number>[] {
  const moves: ReadonlyMap<number, number>[] = [];
  // Breadth first: the nodes further back are shorter, so they are complete already.
  const open = [0];
  for (const index of open) {
    const node = nodes[index]!;
    const back = moves[node.back];
    moves[index] = back === undefined ? node.next : new Map([...back, ...node.next]);
    for (const [byte, child] of node.next) {
      open.push(child);
      const shorter = index === 0 ? 0 : (back?.get(byte) ?? 0);
      nodes[child]!.back = shorter;
      nodes[child]!.isBanned ||= nodes[shorter]!.isBanned;
      nodes[child]!.found |= nodes[shorter]!.found;
    }
  }
  return moves;
}
