import type { Calls } from "./module.ts";
import { type Outcome, unwrap } from "./outcome.ts";

/** An object's modules as seen from elsewhere: a call resolves to its value, or rethrows its error. */
export type Remote<T extends { readonly calls: Readonly<Record<string, Calls>> }> = {
  readonly [N in keyof T["calls"]]: {
    readonly [K in keyof T["calls"][N]]: T["calls"][N][K] extends (...args: infer A) => infer R
      ? (...args: A) => Promise<Awaited<R>>
      : never;
  };
};

/** The one method that an object has for RPC. */
export interface Invoked {
  invoke(module: string, method: string, args: readonly unknown[]): Promise<Outcome<unknown>>;
}

/** Calls `object.files.list(page)` as `invoke("files", "list", [page])`: one round trip, as for a method of the class. */
export function remote<T extends { readonly calls: Readonly<Record<string, Calls>> }>(stub: Invoked): Remote<T> {
  const byName = <V>(value: (name: string) => V) => new Proxy({}, { get: (_, name) => value(String(name)) });
  return byName((module) =>
    byName(
      (method) =>
        (...args: unknown[]) =>
          unwrap(stub.invoke(module, method, args)),
    ),
  ) as Remote<T>;
}

/** The object of that name, as `remote` takes it. */
export function stubOf(namespace: DurableObjectNamespace, name: string): Invoked {
  return namespace.get(namespace.idFromName(name)) as unknown as Invoked;
}
