/**
 * Derivatives of regular languages (Brzozowski 1964) for all code points at once: how a text can begin, and what must follow.
 */
import type { Multiple, Regex, RegexStore } from "./algebra.ts";
import { ALL } from "./ranges.ts";

/** A text that begins with a code point from `lo` to `hi` goes on with a text of `to`. */
export interface Arc {
  readonly lo: number;
  readonly hi: number;
  readonly to: Regex;
}

const [POINT, ZERO] = [0x2e, 0x30];

/** Finds the arcs of terms: ascending, disjoint, none to the empty language. Remembers those of every term. */
export class Derivatives {
  readonly #store: RegexStore;
  readonly #known = new Map<Regex, readonly Arc[]>();

  constructor(store: RegexStore) {
    this.#store = store;
  }

  arcs(regex: Regex): readonly Arc[] {
    const known = this.#known.get(regex);
    if (known !== undefined) return known;
    const found = this.#find(regex);
    this.#store.budget.spend(1 + found.length, this.#store.subject);
    this.#known.set(regex, found);
    return found;
  }

  #find({ shape }: Regex): readonly Arc[] {
    const store = this.#store;
    switch (shape.kind) {
      case "empty":
        return [];
      case "set":
        return arcsOver(shape.ranges, store.empty);
      case "then": {
        const first = this.#mapped(this.arcs(shape.first), (to) => store.join(to, shape.rest));
        return shape.first.nullable ? this.#union([first, this.arcs(shape.rest)]) : first;
      }
      case "or":
        return this.#union(shape.of.map((option) => this.arcs(option)));
      case "and":
        return shape.of.map((part) => this.arcs(part)).reduce((a, b) => this.#overlay(a, b, true));
      case "not": {
        const inner = this.arcs(shape.of);
        const outside = arcsOver(gaps(inner), store.everything);
        return this.#union([this.#mapped(inner, (to) => store.not(to)), outside]);
      }
      case "repeat": {
        const rest = store.repeat(shape.of, Math.max(0, shape.least - 1), shape.most - 1);
        return this.#mapped(this.arcs(shape.of), (to) => store.join(to, rest));
      }
      case "multiple":
        return this.#multiple(shape);
    }
  }

  #multiple({ divisor, places, rest, left }: Multiple): Arc[] {
    const store = this.#store;
    // Past its last place, a decimal goes on with zeros only.
    if (left === 0) return [{ lo: ZERO, hi: ZERO, to: store.multiple({ divisor, places, rest, left }) }];
    const point =
      left === undefined ? [{ lo: POINT, hi: POINT, to: store.multiple({ divisor, places, rest, left: places }) }] : [];
    const digits = Array.from({ length: 10 }, (_, digit) => {
      const now = { divisor, places, rest: (10 * rest + digit) % divisor };
      return {
        lo: ZERO + digit,
        hi: ZERO + digit,
        to: store.multiple(left === undefined ? now : { ...now, left: left - 1 }),
      };
    });
    return [...point, ...digits];
  }

  #mapped(arcs: readonly Arc[], change: (to: Regex) => Regex): Arc[] {
    return arcs.flatMap(({ lo, hi, to }) => {
      const changed = change(to);
      return changed === this.#store.nothing ? [] : [{ lo, hi, to: changed }];
    });
  }

  /** In halves, so that many options cost n log n. */
  #union(lists: readonly (readonly Arc[])[]): readonly Arc[] {
    if (lists.length <= 1) return lists[0] ?? [];
    const half = lists.length >> 1;
    return this.#overlay(this.#union(lists.slice(0, half)), this.#union(lists.slice(half)), false);
  }

  /** What two lists say together: both must hold (`isAnd`), or either. */
  #overlay(a: readonly Arc[], b: readonly Arc[], isAnd: boolean): Arc[] {
    const result: Arc[] = [];
    const add = (lo: number, hi: number, to: Regex) => {
      const last = result.at(-1);
      if (to === this.#store.nothing) return;
      if (last !== undefined && last.to === to && last.hi + 1 === lo) result[result.length - 1] = { ...last, hi };
      else result.push({ lo, hi, to });
    };
    let [i, j, at] = [0, 0, 0];
    while (i < a.length || j < b.length) {
      const [x, y] = [a[i], b[j]];
      const xLo = x === undefined ? Number.POSITIVE_INFINITY : Math.max(x.lo, at);
      const yLo = y === undefined ? Number.POSITIVE_INFINITY : Math.max(y.lo, at);
      const lo = Math.min(xLo, yLo);
      const inX = xLo === lo;
      const inY = yLo === lo;
      const hi = Math.min(inX ? x!.hi : xLo - 1, inY ? y!.hi : yLo - 1);
      if (inX && inY) add(lo, hi, isAnd ? this.#store.and([x!.to, y!.to]) : this.#store.or([x!.to, y!.to]));
      else if (!isAnd) add(lo, hi, inX ? x!.to : y!.to);
      at = hi + 1;
      if (x !== undefined && x.hi < at) i++;
      if (y !== undefined && y.hi < at) j++;
    }
    this.#store.budget.spend(result.length, this.#store.subject);
    return result;
  }
}

function arcsOver(ranges: readonly number[], to: Regex): Arc[] {
  return Array.from({ length: ranges.length / 2 }, (_, i) => ({ lo: ranges[2 * i]!, hi: ranges[2 * i + 1]!, to }));
}

/** The code points that no arc has. */
function gaps(arcs: readonly Arc[]): number[] {
  const found: number[] = [];
  for (let i = 0; i < ALL.length; i += 2) {
    let next = ALL[i]!;
    const end = ALL[i + 1]!;
    for (const { lo, hi } of arcs) {
      if (hi < next || lo > end) continue;
      if (lo > next) found.push(next, lo - 1);
      next = hi + 1;
    }
    if (next <= end) found.push(next, end);
  }
  return found;
}
