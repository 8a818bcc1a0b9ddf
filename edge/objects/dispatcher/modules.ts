import { blobs } from "../blob-ledger.ts";
import { idempotency } from "../idempotency.ts";
import { baseArtefacts } from "./base-artefacts.ts";
import { FOR_TENANTS } from "./for-tenants.ts";
import { leases } from "./leases.ts";

/** The resources of the Dispatcher; the alarm takes their duties in this order. */
export const DISPATCHER_MODULES = { leases, idempotency, blobs, baseArtefacts, ...FOR_TENANTS } as const;
