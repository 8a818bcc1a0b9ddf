import { env, runInDurableObject } from "cloudflare:test";
import type { Tenant } from "../../../edge/objects/tenant.ts";

/** Has a tenant's own object ask another Engine, such as a scripted one: routes take theirs from their own environment. */
export async function useEngine(tenant: string, ENGINE: DurableObjectNamespace): Promise<void> {
  const stub = env.TENANT.get(env.TENANT.idFromName(tenant)) as DurableObjectStub<Tenant>;
  await runInDurableObject(stub, (object) => {
    Object.defineProperty(object, "env", { value: { ...env, ENGINE }, configurable: true });
  });
}
