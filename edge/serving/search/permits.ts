/** Who may run: a fixed number of permits, given out in the order in which they are asked for. */
export class Permits {
  readonly #all: number;
  #free: number;
  readonly #queue: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(count: number) {
    this.#all = count;
    this.#free = count;
  }

  /** Resolves once that many are free, all at once; more than there are at all are taken for all of them. */
  take(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ count: Math.min(count, this.#all), resolve });
      this.#serve();
    });
  }

  /** Lets everybody through from now on. */
  open(): void {
    this.#free = Number.POSITIVE_INFINITY;
    this.#serve();
  }

  give(): void {
    this.#free++;
    this.#serve();
  }

  #serve(): void {
    for (let [next] = this.#queue; next !== undefined && next.count <= this.#free; [next] = this.#queue) {
      this.#queue.shift();
      this.#free -= next.count;
      next.resolve();
    }
  }
}
