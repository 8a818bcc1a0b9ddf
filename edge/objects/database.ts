export type SqlValue = string | number | null;

/**
 * A Durable Object's SQLite. Rows are plain objects typed by the caller, who wrote the query. Writes without an `await`
 * between them are stored together; `transaction` also undoes them when its body throws.
 */
export class Database {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  all<T>(query: string, ...values: SqlValue[]): T[] {
    return this.#storage.sql.exec(query, ...values).toArray() as T[];
  }

  get<T>(query: string, ...values: SqlValue[]): T | undefined {
    return this.all<T>(query, ...values)[0];
  }

  run(query: string, ...values: SqlValue[]): void {
    this.#storage.sql.exec(query, ...values).toArray();
  }

  /** Runs a statement and returns how many rows it inserted, updated or deleted. (`rowsWritten` counts indexes as well.) */
  change(query: string, ...values: SqlValue[]): number {
    this.run(query, ...values);
    return this.get<{ count: number }>("SELECT changes() AS count")?.count ?? 0;
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }

  has(table: string): boolean {
    return this.get("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table) !== undefined;
  }
}

/** Milliseconds as the whole seconds that the API uses. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
