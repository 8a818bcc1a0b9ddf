/**
 * A lexeme: a part of a rule's text that a finite automaton over bytes reads. States are numbers; every state can still reach
 * an accepting one, so a lexeme never leads into a dead end.
 */
export interface Lexeme {
  readonly id: number;
  readonly start: number;
  /** The state after a byte, or −1. */
  step(state: number, byte: number): number;
  accepts(state: number): boolean;
  /** Whether any byte may follow. */
  continues(state: number): boolean;
  /** A state that treats the next `horizon` bytes alike; the same for as many states as possible. */
  alike(state: number, horizon: number): number;
}

export const DEAD = -1;

/** One of several texts, given as bytes: a tree of their prefixes. Not empty. */
export function literalLexeme(id: number, texts: readonly Uint8Array[]): Lexeme {
  const next: Map<number, number>[] = [new Map()];
  const ends = new Set<number>();
  for (const text of texts) {
    let state = 0;
    for (const byte of text) {
      let after = next[state]!.get(byte);
      if (after === undefined) {
        after = next.length;
        next.push(new Map());
        next[state]!.set(byte, after);
      }
      state = after;
    }
    ends.add(state);
  }
  return {
    id,
    start: 0,
    step: (state, byte) => next[state]!.get(byte) ?? DEAD,
    accepts: (state) => ends.has(state),
    continues: (state) => next[state]!.size > 0,
    alike: (state) => state,
  };
}

/** Any bytes at all: the text of a request without a rule. */
export function anyBytes(id: number): Lexeme {
  return { id, start: 0, step: () => 0, accepts: () => true, continues: () => true, alike: () => 0 };
}
