import { env, runInDurableObject } from "cloudflare:test";
import { Database } from "../../../edge/objects/database.ts";

/** Runs a body over the empty database of a new object. */
export function withDatabase<T>(body: (db: Database, state: DurableObjectState) => T | Promise<T>): Promise<T> {
  const stub = env.TENANT.get(env.TENANT.newUniqueId());
  return runInDurableObject(stub, (_, state) => body(new Database(state.storage), state));
}
