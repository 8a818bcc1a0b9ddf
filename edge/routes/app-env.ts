import type { Env } from "../env.ts";
import type { Allowance } from "../objects/rate-limit.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";

/** The tenant whose key came with a request, and its object. */
export interface Caller {
  readonly id: string;
  readonly object: Remote<Tenant>;
}

/** What the middlewares leave for the handlers. */
export interface AppEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    /** Set by `tenantAuth`. */
    caller: Caller;
    /** Set by `tokenAuth`: the request comes from the deployment itself. */
    trusted: boolean | undefined;
    allowances: { requests: Allowance; tokens: Allowance } | undefined;
    /** SHA-256 of a JSON body; set by `jsonBody`. */
    bodyDigest: string;
  };
}
