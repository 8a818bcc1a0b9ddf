import type { CallsOf } from "../module.ts";
import { bases } from "./bases.ts";
import { queue } from "./queue.ts";
import { tenants } from "./tenants.ts";

/**
 * The Dispatcher's modules that tenants call. They are separate from those that call tenants, so that neither object
 * has to import all of the other's code.
 */
export const FOR_TENANTS = { queue, tenants, bases } as const;

/** The Dispatcher as tenants know it. */
export interface TenantsDispatcher {
  readonly calls: CallsOf<typeof FOR_TENANTS>;
}
