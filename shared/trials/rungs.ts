/** Successive halving (Jamieson and Talwalkar, 2016): how far trials go, and how many of them. */

export interface Halving {
  readonly min_steps: number;
  readonly max_steps: number;
  readonly eta: number;
}

/** The steps at which trials are compared, rising; the last is the end of those that go all the way. */
export function rungsOf({ min_steps: least, max_steps: most, eta }: Halving): readonly number[] {
  const rungs: number[] = [];
  for (let steps = least; Math.round(steps) < most; steps *= eta) {
    if (Math.round(steps) > (rungs.at(-1) ?? 0)) rungs.push(Math.round(steps));
  }
  return [...rungs, most];
}

/** How many of `count` trials go on: one in η, and always one. */
export function survivors(count: number, eta: number): number {
  return Math.max(1, Math.floor(count / eta));
}
