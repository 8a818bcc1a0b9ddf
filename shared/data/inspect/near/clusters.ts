/** Which of many things belong together, when pairs of them do (union by the smaller number, with path halving). */
export class Clusters {
  readonly #above: Int32Array;

  constructor(size: number) {
    this.#above = Int32Array.from({ length: size }, (_, at) => at);
  }

  /** The first thing of the cluster that this one is in. */
  first(of: number): number {
    const above = this.#above;
    let at = of;
    while (above[at] !== at) {
      above[at] = above[above[at]!]!;
      at = above[at]!;
    }
    return at;
  }

  /** Whether the two were apart until now. */
  join(a: number, b: number): boolean {
    const [left, right] = [this.first(a), this.first(b)];
    if (left === right) return false;
    this.#above[Math.max(left, right)] = Math.min(left, right);
    return true;
  }

  /** The clusters of at least two things, each in order, by their first. */
  get groups(): number[][] {
    const groups = new Map<number, number[]>();
    for (let at = 0; at < this.#above.length; at++) {
      const first = this.first(at);
      if (first === at) continue;
      const group = groups.get(first);
      if (group === undefined) groups.set(first, [first, at]);
      else group.push(at);
    }
    return [...groups.values()].sort((a, b) => a[0]! - b[0]!);
  }
}
