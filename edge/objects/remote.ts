import type { Env } from "../env.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { type Remote, remote, stubOf } from "./rpc.ts";
import type { Tenant } from "./tenant.ts";

/** The object that holds a tenant's rows. `id` must have passed its schema: any string would open a new object. */
export function tenantObject(env: Env, id: string): Remote<Tenant> {
  return remote<Tenant>(stubOf(env.TENANT, id));
}

/** The one object that holds the queue and the base models. */
export function dispatcherObject(env: Env): Remote<Dispatcher> {
  return remote<Dispatcher>(stubOf(env.DISPATCHER, "dispatcher"));
}
