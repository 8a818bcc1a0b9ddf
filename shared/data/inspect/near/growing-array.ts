/** Numbers of 32 bits that become more and more. It doubles its memory, so that a million appends copy each number about once. */
export class GrowingArray {
  #data = new Uint32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return 4 * this.#length;
  }

  /** Its memory, of which the first `length` numbers count; appending may replace it. */
  get data(): Uint32Array {
    return this.#data;
  }

  append(numbers: ArrayLike<number>): void {
    this.extend(numbers.length).set(numbers, this.#length - numbers.length);
  }

  /** Makes room for so many numbers at the end, and returns its memory to write them to. */
  extend(by: number): Uint32Array {
    const needed = this.#length + by;
    if (needed > this.#data.length) {
      const larger = new Uint32Array(Math.max(needed, 2 * this.#data.length));
      larger.set(this.#data.subarray(0, this.#length));
      this.#data = larger;
    }
    this.#length = needed;
    return this.#data;
  }
}
