import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type { CallsOf } from "./module.ts";
import { ModuleHost } from "./module-host.ts";
import type { Outcome } from "./outcome.ts";
import type { Invoked } from "./rpc.ts";
import { TenantContext } from "./tenant/context.ts";
import { TENANT_MODULES } from "./tenant/modules.ts";

/**
 * Everything that belongs to one tenant, and nothing that belongs to another. The object is named by the tenant's id; its work
 * is in its modules.
 */
export class Tenant extends DurableObject<Env> implements Invoked {
  readonly calls: CallsOf<typeof TENANT_MODULES>;
  readonly #host: ModuleHost<TenantContext, typeof TENANT_MODULES>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#host = new ModuleHost(
      ctx.storage,
      TENANT_MODULES,
      (host) => new TenantContext(host, () => this.env, TENANT_MODULES),
    );
    this.calls = this.#host.calls;
    // An object of a tenant that was never created stores nothing; a tenant may be older than some of its modules.
    if (this.#host.context.isCreated()) this.#host.context.createTables();
  }

  invoke(module: string, method: string, args: readonly unknown[]): Promise<Outcome<unknown>> {
    return this.#host.invoke(module, method, args);
  }

  override alarm(): Promise<void> {
    return this.#host.alarm();
  }
}
