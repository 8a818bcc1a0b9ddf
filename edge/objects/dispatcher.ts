import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { DISPATCHER_MODULES } from "./dispatcher/modules.ts";
import type { CallsOf, ObjectContext } from "./module.ts";
import { ModuleHost } from "./module-host.ts";
import type { Outcome } from "./outcome.ts";
import type { Invoked } from "./rpc.ts";

/** The one queue of jobs, the list of tenants, and the base models that all tenants share. Its work is in its modules. */
export class Dispatcher extends DurableObject<Env> implements Invoked {
  readonly calls: CallsOf<typeof DISPATCHER_MODULES>;
  readonly #host: ModuleHost<ObjectContext, typeof DISPATCHER_MODULES>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const bindings = () => this.env;
    this.#host = new ModuleHost(ctx.storage, DISPATCHER_MODULES, ({ updateSchema, ...host }) => {
      updateSchema();
      return {
        ...host,
        requireCreated() {},
        get env() {
          return bindings();
        },
      };
    });
    this.calls = this.#host.calls;
  }

  invoke(module: string, method: string, args: readonly unknown[]): Promise<Outcome<unknown>> {
    return this.#host.invoke(module, method, args);
  }

  override alarm(): Promise<void> {
    return this.#host.alarm();
  }
}
