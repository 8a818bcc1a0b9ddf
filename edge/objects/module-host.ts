import type { RandomBytes } from "../../shared/api/ids.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { Database } from "./database.ts";
import type { Calls, CallsOf, Duty, Modules, ObjectContext, OpenModule } from "./module.ts";
import { type Outcome, outcome } from "./outcome.ts";
import { updateSchema } from "./schema.ts";

/** How soon the alarm retries what failed. */
const RETRY_MS = 5_000;
const SOON_MS = 10;

/** What an object takes from outside: the clock and chance. The simulator passes its own. */
export interface Rim {
  /** Milliseconds since 1970. */
  now(): number;
  readonly random: RandomBytes;
}

const PLATFORM: Rim = { now: () => Date.now(), random: (bytes) => crypto.getRandomValues(bytes) };

/** What the host gives to a module's context. */
export type HostContext = Pick<ObjectContext, "db" | "now" | "rearm"> & {
  readonly random: RandomBytes;
  /** Creates the tables that are missing. */
  updateSchema(): void;
};

/**
 * Runs the modules of one Durable Object: answers their calls, keeps their tables up to date and sets the alarm for
 * their duties. The object itself is a thin shell, because RPC reaches only the methods of its class.
 */
export class ModuleHost<C extends ObjectContext, M extends Modules> {
  readonly context: C;
  /** The modules' calls, for use inside the object. */
  readonly calls: CallsOf<M>;
  readonly #storage: DurableObjectStorage;
  readonly #rim: Rim;
  /** The alarm that was set last and has not gone off, in milliseconds; null if none is known of. */
  #alarmAt: number | null = null;
  readonly #duties: readonly (readonly [name: string, duty: Duty])[];

  constructor(storage: DurableObjectStorage, modules: M, contextOf: (host: HostContext) => C, rim: Rim = PLATFORM) {
    this.#storage = storage;
    this.#rim = rim;
    const db = new Database(storage);
    this.context = contextOf({
      db,
      now: () => rim.now(),
      random: rim.random,
      rearm: (pauseMs) => this.#rearm(pauseMs),
      updateSchema: () => updateSchema(db, modules),
    });
    const open = Object.entries(modules).map(
      ([name, module]) => [name, module.open(this.context) as OpenModule<Calls>] as const,
    );
    this.calls = Object.fromEntries(open.map(([name, { calls }]) => [name, calls])) as CallsOf<M>;
    this.#duties = open.flatMap(([name, { duty }]) => (duty === undefined ? [] : [[name, duty] as const]));
  }

  /** Answers a call from another isolate. */
  invoke(module: string, method: string, args: readonly unknown[]): Promise<Outcome<unknown>> {
    return outcome(() => {
      const calls = own(this.calls as Readonly<Record<string, Calls>>, module);
      const call = calls && own(calls, method);
      if (call === undefined) throw new TrimtabError("internal_error", `There is no call ${module}.${method}.`);
      return (call as (...args: readonly unknown[]) => unknown)(...args);
    });
  }

  /** Runs every duty, even after one fails: an alarm handler that throws is dropped after six tries. */
  async alarm(): Promise<void> {
    this.#alarmAt = null;
    let pauseMs = SOON_MS;
    for (const [name, duty] of this.#duties) {
      try {
        await duty.run();
      } catch (error) {
        console.error(`the alarm's work for ${name} failed and will run again`, error);
        pauseMs = RETRY_MS;
      }
    }
    await this.#rearm(pauseMs);
  }

  /** Sets the alarm before anything is awaited: it is stored together with what the caller has just written, or neither is. */
  async #rearm(pauseMs = SOON_MS): Promise<void> {
    const due = this.#duties.map(([, duty]) => duty.next()).filter((at) => at !== null);
    if (due.length === 0) return;
    const at = Math.max(Math.min(...due), this.#rim.now() + pauseMs);
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    try {
      await this.#storage.setAlarm(at);
    } catch (error) {
      this.#alarmAt = null;
      throw error;
    }
  }
}

function own<T>(of: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}
