import type { Env } from "../env.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Outcome } from "./outcome.ts";
import { unwrap } from "./outcome.ts";
import type { Tenant } from "./tenant.ts";

/** An object's methods as they look from elsewhere: the value arrives, or its error is thrown again. */
export type Remote<T> = {
  readonly [K in keyof T as T[K] extends (...args: never) => Promise<Outcome<unknown>> ? K : never]: T[K] extends (
    ...args: infer A
  ) => Promise<Outcome<infer R>>
    ? (...args: A) => Promise<R>
    : never;
};

/** The object that holds a tenant's rows. `id` is checked by its schema: any string would open an object of its own. */
export function tenantObject(env: Env, id: string): Remote<Tenant> {
  return remote<Tenant>(env.TENANT.get(env.TENANT.idFromName(id)));
}

/** The one object that holds the queue and the base models. */
export function dispatcherObject(env: Env): Remote<Dispatcher> {
  return remote<Dispatcher>(env.DISPATCHER.get(env.DISPATCHER.idFromName("dispatcher")));
}

function remote<T>(stub: DurableObjectStub): Remote<T> {
  return new Proxy(stub, {
    get: (target, method) => {
      const call = Reflect.get(target, method) as (...args: unknown[]) => Promise<Outcome<unknown>>;
      return (...args: unknown[]) => unwrap(Reflect.apply(call, target, args));
    },
  }) as unknown as Remote<T>;
}
