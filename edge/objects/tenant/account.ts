import type { ChangeTenant, CreateTenant, Tenant as TenantInfo, Usage } from "../../../shared/api/admin.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { DEFAULTS } from "../../../shared/limits.ts";
import { seconds } from "../database.ts";
import { claim, type Idempotency, settleCreation } from "../idempotency.ts";
import { type Allowance, MinuteBucket } from "../rate-limit.ts";
import { tenantModule } from "./context.ts";
import { isKey } from "./keys.ts";
import { removal } from "./removal.ts";
import { addUsage, USAGE_TABLE, type Used, usageByDay } from "./usage.ts";

/** What a tenant may still do this minute. */
export interface Admission {
  readonly requests: Allowance;
  readonly tokens: Allowance;
  /** null to proceed; otherwise the allowance that is used up and when to retry. */
  readonly refused: { readonly what: "requests" | "tokens"; readonly retryMs: number } | null;
}

/** The tenant itself, its limits and what it has used. */
export const account = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS tenant (
      id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, requests_per_minute INTEGER NOT NULL, tokens_per_minute INTEGER NOT NULL)`,
    USAGE_TABLE,
    `ALTER TABLE tenant ADD COLUMN max_queued_jobs INTEGER NOT NULL DEFAULT ${DEFAULTS.queuedJobs}`,
    `ALTER TABLE tenant ADD COLUMN max_running_jobs INTEGER NOT NULL DEFAULT ${DEFAULTS.runningJobs}`,
  ],

  open(context) {
    const { db, now, tenant } = context;
    let buckets: { requests: MinuteBucket; tokens: MinuteBucket; of: string } | undefined;

    /** Replaced when the limits change, and for a new tenant with the same id. */
    const allowances = () => {
      const { requests_per_minute: requests, tokens_per_minute: tokens, created_at } = tenant();
      const of = `${created_at} ${requests} ${tokens}`;
      if (buckets?.of !== of) {
        buckets = { requests: new MinuteBucket(requests, now()), tokens: new MinuteBucket(tokens, now()), of };
      }
      return buckets;
    };

    const exists = (): boolean => context.isCreated() && db.get("SELECT 1 FROM tenant") !== undefined;

    const admit = (kind: "request" | "generation"): Admission => {
      const at = now();
      const { requests, tokens } = allowances();
      const tokenWait = kind === "generation" ? tokens.waitFor(1, at) : 0;
      const refused =
        tokenWait > 0
          ? ({ what: "tokens", retryMs: tokenWait } as const)
          : requests.take(1, at)
            ? null
            : ({ what: "requests", retryMs: requests.waitFor(1, at) } as const);
      return { requests: requests.allowance(at), tokens: tokens.allowance(at), refused };
    };

    const createdBefore = (id: string, key: Idempotency | null): TenantInfo => {
      const known = key !== null && db.get("SELECT 1 FROM idempotency WHERE key = ?", key.key) !== undefined;
      if (!known) {
        throw new TrimtabError("conflict", `The tenant ${id} exists already. Choose another id.`, { param: "id" });
      }
      claim(db, { ...key, staleMs: 0 }, { now: now(), life: null });
      return tenant();
    };

    return {
      calls: {
        /** Creates the tenant; a repeat under the same Idempotency-Key gets the same reply. */
        async create(request: CreateTenant, key: Idempotency | null): Promise<TenantInfo> {
          // The list of tenants comes first: a tenant that is not listed could never be found again.
          await context.dispatcher.tenants.note(request.id);
          if (!exists()) await removal.open(context).calls.finish();
          return db.transaction(() => {
            if (exists()) return createdBefore(request.id, key);
            context.createTables();
            db.run(
              `INSERT INTO tenant (id, created_at, requests_per_minute, tokens_per_minute, max_queued_jobs, max_running_jobs)
               VALUES (?, ?, ?, ?, ?, ?)`,
              request.id,
              seconds(now()),
              request.requests_per_minute ?? DEFAULTS.requestsPerMinute,
              request.tokens_per_minute ?? DEFAULTS.tokensPerMinute,
              request.max_queued_jobs ?? DEFAULTS.queuedJobs,
              request.max_running_jobs ?? DEFAULTS.runningJobs,
            );
            const info = tenant();
            if (key !== null) {
              claim(db, { ...key, staleMs: 0 }, { now: now(), life: null });
              settleCreation(db, key, info);
            }
            return info;
          });
        },

        info: tenant,

        /** Changes the given limits, starting with the next request. */
        change(limits: ChangeTenant): TenantInfo {
          const { id, ...before } = tenant();
          db.run(
            `UPDATE tenant SET requests_per_minute = ?, tokens_per_minute = ?, max_queued_jobs = ?, max_running_jobs = ?
             WHERE id = ?`,
            limits.requests_per_minute ?? before.requests_per_minute,
            limits.tokens_per_minute ?? before.tokens_per_minute,
            limits.max_queued_jobs ?? before.max_queued_jobs,
            limits.max_running_jobs ?? before.max_running_jobs,
            id,
          );
          return tenant();
        },

        usage: (): Usage => ({ object: "usage", tenant: tenant().id, days: usageByDay(db) }),

        /** Decides whether a key may make one more request. A tenant that does not exist looks like a wrong key. */
        authorise(hash: string, kind: "request" | "generation"): Admission {
          if (!context.isCreated() || !isKey(db, hash)) {
            throw new TrimtabError(
              "invalid_api_key",
              "The API key is wrong or was revoked. Send `authorization: Bearer` and a key that is valid.",
            );
          }
          return admit(kind);
        },

        /** The tokens of a minute, and how many milliseconds it takes until there is one left. */
        tokenWait(): { limit: number; retryMs: number } {
          const at = now();
          const { tokens } = allowances();
          return { limit: tokens.allowance(at).limit, retryMs: tokens.waitFor(1, at) };
        },

        /** Decides the same for a request that is made for the tenant without a key, as by a trainer that holds its job. */
        admit,

        /** Counts what a finished generation used. */
        charge(used: Used): void {
          // The tenant may have been deleted while it was answered.
          if (!exists()) return;
          const at = now();
          allowances().tokens.charge((used.promptTokens ?? 0) + (used.completionTokens ?? 0), at);
          addUsage(db, { requests: 1, ...used }, at);
        },
      },
    };
  },
});
