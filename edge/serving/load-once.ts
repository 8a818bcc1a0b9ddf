/**
 * Values that take a while to load. Callers that ask while one is loading wait for the same load; a failed load is forgotten,
 * so that the next caller tries again.
 */
export class LoadOnce<T> {
  readonly #entries = new Map<string, { readonly loading: Promise<T>; value: T | undefined }>();

  get(key: string, load: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined) return known.loading;
    const entry: { loading: Promise<T>; value: T | undefined } = { loading: load(), value: undefined };
    this.#entries.set(key, entry);
    entry.loading.then(
      (value) => {
        entry.value = value;
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return entry.loading;
  }

  /** The values that have finished loading. */
  loaded(): [key: string, value: T][] {
    return [...this.#entries].flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]]));
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }
}
