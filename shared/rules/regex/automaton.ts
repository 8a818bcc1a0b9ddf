/** Deterministic automata over code points, from which every state can still reach an accepting one. */
import { RULE_LIMITS, refuse } from "../limits.ts";
import type { Regex, RegexStore } from "./algebra.ts";
import { Derivatives } from "./derivative.ts";
import { ALL, complement, normalised } from "./ranges.ts";

export interface Automaton {
  readonly start: number;
  /** The transitions of a state as lo, hi, next state; lo, hi, next state; … in ascending order. */
  arcs(state: number): ArrayLike<number>;
  accepts(state: number): boolean;
  /**
   * A state that accepts the same texts of up to `horizon` code points, and goes on after the same ones; the same state for as
   * many states as possible, so that what is computed for one serves all.
   */
  alike(state: number, horizon: number): number;
}

/** The automaton of a term; undefined if its language is empty. Builds all states, within the store's budget. */
export function automatonOf(
  root: Regex,
  store: RegexStore,
  derivatives = new Derivatives(store),
): Automaton | undefined {
  const states = new Map<Regex, number>([[root, 0]]);
  const order = [root];
  const arcs: number[][] = [];
  const from: number[][] = [[]];
  for (let state = 0; state < order.length; state++) {
    const own: number[] = [];
    for (const { lo, hi, to } of derivatives.arcs(order[state]!)) {
      let next = states.get(to);
      if (next === undefined) {
        next = order.length;
        states.set(to, next);
        order.push(to);
        from.push([]);
        store.budget.spend(2, store.subject);
      }
      own.push(lo, hi, next);
      from[next]!.push(state);
    }
    arcs.push(own);
  }
  const isAlive = reachable(
    from,
    [...order.keys()].filter((state) => order[state]!.nullable),
  );
  if (!isAlive[0]) return undefined;
  const living = arcs.map((own) => Int32Array.from(withoutDead(own, isAlive)));
  const accepting = order.map(({ nullable }) => nullable);
  return {
    start: 0,
    arcs: (state) => living[state]!,
    accepts: (state) => accepting[state]!,
    alike: (state) => state,
  };
}

function reachable(from: readonly (readonly number[])[], starts: readonly number[]): boolean[] {
  const seen = from.map(() => false);
  const open = [...starts];
  for (const state of open) seen[state] = true;
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const before of from[state]!) {
      if (seen[before]) continue;
      seen[before] = true;
      open.push(before);
    }
  }
  return seen;
}

function withoutDead(arcs: readonly number[], isAlive: readonly boolean[]): number[] {
  const kept: number[] = [];
  for (let i = 0; i < arcs.length; i += 3) {
    if (!isAlive[arcs[i + 2]!]) continue;
    const last = kept.length - 3;
    if (last >= 0 && kept[last + 1] === arcs[i]! - 1 && kept[last + 2] === arcs[i + 2]) kept[last + 1] = arcs[i + 1]!;
    else kept.push(arcs[i]!, arcs[i + 1]!, arcs[i + 2]!);
  }
  return kept;
}

/** Any text of `least` to `most` code points. The state is the number of code points so far; none are built. */
export function lengthAutomaton(least: number, most: number): Automaton {
  if (least > most) throw refuse(`no text has at least ${least} and at most ${most} characters`);
  const next = (state: number) => (most === Number.POSITIVE_INFINITY ? Math.min(state + 1, least) : state + 1);
  return {
    start: 0,
    arcs: (state) => (state >= most ? [] : [ALL[0]!, ALL[1]!, next(state), ALL[2]!, ALL[3]!, next(state)]),
    accepts: (state) => state >= least,
    alike(state, horizon) {
      if (state < least - horizon - 1) return least - horizon - 1;
      if (most !== Number.POSITIVE_INFINITY && state >= least && state < most - horizon - 1) return most - horizon - 1;
      return state;
    },
  };
}

/** Any text but these: a tree of their prefixes, beside which all is free. */
export function exceptAutomaton(texts: readonly string[]): Automaton {
  const FREE = 0;
  const nodes: { readonly next: Map<number, number>; isEnd: boolean }[] = [
    { next: new Map(), isEnd: false },
    { next: new Map(), isEnd: false },
  ];
  for (const text of texts) {
    let node = 1;
    for (const character of text) {
      const codePoint = character.codePointAt(0)!;
      let after = nodes[node]!.next.get(codePoint);
      if (after === undefined) {
        after = nodes.length;
        nodes.push({ next: new Map(), isEnd: false });
        nodes[node]!.next.set(codePoint, after);
      }
      node = after;
    }
    nodes[node]!.isEnd = true;
  }
  const arcs = nodes.map(({ next }) => {
    const known = [...next].sort(([a], [b]) => a - b);
    const others = complement(normalised(known.flatMap(([codePoint]) => [codePoint, codePoint])));
    const free = Array.from({ length: others.length / 2 }, (_, i) => [others[2 * i]!, others[2 * i + 1]!, FREE]);
    const own = known.map(([codePoint, after]) => [codePoint, codePoint, after]);
    return Int32Array.from([...free, ...own].sort((a, b) => a[0]! - b[0]!).flat());
  });
  return {
    start: 1,
    arcs: (state) => arcs[state]!,
    accepts: (state) => !nodes[state]!.isEnd,
    alike: (state) => state,
  };
}

/** Whether a text is in the automaton's language. */
export function matches(automaton: Automaton, text: string): boolean {
  let state = automaton.start;
  for (const character of text) {
    const next = step(automaton.arcs(state), character.codePointAt(0)!);
    if (next < 0) return false;
    state = next;
  }
  return automaton.accepts(state);
}

/** Where a code point leads, or −1. */
export function step(arcs: ArrayLike<number>, codePoint: number): number {
  for (let i = 0; i < arcs.length; i += 3) {
    if (codePoint < arcs[i]!) return -1;
    if (codePoint <= arcs[i + 1]!) return arcs[i + 2]!;
  }
  return -1;
}

/** Refuses counts that no text would reach, before anything is built for them. */
export function requireCount(count: number, what: string): void {
  if (count > RULE_LIMITS.repetitions && count !== Number.POSITIVE_INFINITY) {
    throw refuse(`${what} asks for ${count} repetitions; at most ${RULE_LIMITS.repetitions} are supported`);
  }
}
