/**
 * The storage of a Durable Object over SQLite in memory, with what a crash does to it. Writes without an `await` between them are
 * stored together; what is stored is confirmed some time later; a crash keeps what was confirmed and any number of the stored
 * stretches that follow.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

/** What a row of SQL may hold. */
type Row = Record<string, unknown>;

export class SimulatedStorage {
  readonly #db = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();
  /** The alarm as it was at each savepoint: the first is that of the confirmed state. */
  #alarms: (number | null)[] = [];
  #base: number | null = null;
  #depth = 0;
  /** Whether there are writes that are not confirmed. */
  dirty = false;
  /** Counts writes and what undoes them. */
  writes = 0;
  alarm: number | null = null;
  /** Called when writes have to be confirmed, and when an alarm is set. */
  onDirty: () => void = () => {};
  onAlarm: () => void = () => {};

  constructor() {
    this.#begin();
  }

  readonly sql = {
    exec: (query: string, ...values: SQLInputValue[]): { toArray(): Row[] } => {
      const rows = this.#prepare(query).all(...values) as Row[];
      if (!/^\s*select/i.test(query)) this.#write();
      return { toArray: () => rows };
    },
  };

  transactionSync<T>(body: () => T): T {
    const name = `transaction_${this.#depth++}`;
    this.#db.exec(`SAVEPOINT ${name}`);
    try {
      const value = body();
      this.#db.exec(`RELEASE ${name}`);
      return value;
    } catch (error) {
      this.#db.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  async getAlarm(): Promise<number | null> {
    this.endStretch();
    return this.alarm;
  }

  async setAlarm(at: number): Promise<void> {
    this.alarm = at;
    this.#write();
    this.onAlarm();
  }

  async deleteAlarm(): Promise<void> {
    this.alarm = null;
    this.#write();
  }

  /** Makes the state the one that `reset` goes back to. */
  keepAsBase(): void {
    this.confirm();
    this.#db.exec("RELEASE stretch_0; SAVEPOINT base");
    this.#base = this.alarm;
    this.#begin();
  }

  reset(): void {
    this.#db.exec("ROLLBACK TO base");
    this.alarm = this.#base;
    this.#begin();
  }

  /** The writes so far are stored together; a crash may lose those that follow and keep these. */
  endStretch(): void {
    if (!this.dirty) return;
    this.#db.exec(`SAVEPOINT stretch_${this.#alarms.length}`);
    this.#alarms.push(this.alarm);
  }

  confirm(): void {
    this.#db.exec("RELEASE stretch_0");
    this.#begin();
  }

  /** How many states a crash may leave: 1 if all is confirmed. */
  get states(): number {
    return this.#alarms.length;
  }

  /** Goes back to one of the `states`; 0 is the confirmed one. */
  crash(state: number): void {
    this.writes++;
    this.#db.exec(`ROLLBACK TO stretch_${state}; RELEASE stretch_0`);
    this.alarm = this.#alarms[state]!;
    this.#begin();
  }

  all<T>(query: string, ...values: SQLInputValue[]): T[] {
    return this.#prepare(query).all(...values) as T[];
  }

  #begin(): void {
    this.#db.exec("SAVEPOINT stretch_0");
    this.#alarms = [this.alarm];
    this.dirty = false;
  }

  #write(): void {
    this.writes++;
    const was = this.dirty;
    this.dirty = true;
    if (!was) this.onDirty();
  }

  #prepare(query: string): StatementSync {
    const known = this.#statements.get(query);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(query);
    this.#statements.set(query, statement);
    return statement;
  }
}
