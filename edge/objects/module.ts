import type { Env } from "../env.ts";
import type { Database } from "./database.ts";

/**
 * The calls that a module answers, also from other isolates. A call returns a value or a promise of one, or throws
 * `TrimtabError`.
 */
export type Calls = Readonly<Record<string, (...args: never) => unknown>>;

/** Work that a module does on the object's alarm. */
export interface Duty {
  /** Does what is due. If it throws, all duties run again soon. */
  run(): void | Promise<void>;
  /** When the next duty is due, in milliseconds; null if never. */
  next(): number | null;
}

/** A module at work in one object. What it remembers between calls lives in its closure. */
export interface OpenModule<K extends Calls> {
  readonly calls: K;
  readonly duty?: Duty;
}

/** The context of every module, in any kind of object. */
export interface ObjectContext {
  readonly db: Database;
  readonly env: Env;
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws TrimtabError not_found if what the object represents was never created: then it has no tables either. */
  requireCreated(): void;
  /** Sets the alarm for the duty that is due first, but no sooner than `pauseMs` from now. */
  rearm(pauseMs?: number): Promise<void>;
}

/**
 * One resource of a Durable Object: its tables, its calls and its duty. One row in the registry of its kind of object
 * registers it under its call name.
 */
export interface ObjectModule<C extends ObjectContext, K extends Calls> {
  /**
   * Statements that build its tables. Only ever append to the list: objects that have run the first n statements run the rest
   * when they next wake.
   */
  readonly schema: readonly string[];
  open(context: C): OpenModule<K>;
}

/** A module that any kind of object can have. */
export function objectModule<K extends Calls>(module: ObjectModule<ObjectContext, K>): ObjectModule<ObjectContext, K> {
  return module;
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds modules of any context and any calls
export type Modules = Readonly<Record<string, ObjectModule<any, any>>>;

/** The calls of every module in a registry, by the module's name. */
export type CallsOf<M extends Modules> = {
  readonly [N in keyof M]: M[N] extends { open(context: never): OpenModule<infer K> } ? K : never;
};
