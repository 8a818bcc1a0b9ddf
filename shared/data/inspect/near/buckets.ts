/** Things by a key, in chains: those of one key are walked from the latest to the earliest. Its memory is for one use at a time. */
export class Buckets {
  /** The latest thing of each slot, counted from 1. */
  readonly #heads: Int32Array;
  readonly #earlier: Int32Array;
  readonly #mask: number;

  constructor(things: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * things)));
    this.#heads = new Int32Array(slots);
    this.#earlier = new Int32Array(things);
    this.#mask = slots - 1;
  }

  clear(): void {
    this.#heads.fill(0);
  }

  add(thing: number, key: number): void {
    const slot = key & this.#mask;
    this.#earlier[thing] = this.#heads[slot]!;
    this.#heads[slot] = thing + 1;
  }

  /** The latest thing whose key may be this one, −1 if there is none: keys that share a slot share a chain. */
  latest(key: number): number {
    return this.#heads[key & this.#mask]! - 1;
  }

  /** The next thing of the chain, −1 at its end. */
  before(thing: number): number {
    return this.#earlier[thing]! - 1;
  }
}
