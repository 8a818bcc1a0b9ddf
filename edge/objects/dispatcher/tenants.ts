import type { TenantSummary } from "../../../shared/api/admin.ts";
import type { ListOf, Page } from "../../../shared/api/lists.ts";
import { seconds } from "../database.ts";
import { objectModule } from "../module.ts";
import { pageOf } from "../page.ts";
import { forgetJobs } from "./queue-rows.ts";

/** The list of all tenants. */
export const tenants = objectModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS tenants (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL)`,
  ],
  open: ({ db, now }) => ({
    calls: {
      note: (id: string): void =>
        db.run("INSERT OR IGNORE INTO tenants (id, created_at) VALUES (?, ?)", id, seconds(now())),

      /** Forgets a tenant that is gone, with its jobs. */
      forget: (id: string): void =>
        db.transaction(() => {
          forgetJobs(db, id);
          db.run("DELETE FROM tenants WHERE id = ?", id);
          db.run("DELETE FROM lane_turns WHERE tenant = ?", id);
        }),

      list(page: Page): ListOf<TenantSummary> {
        const summary = ({ id, created_at }: { id: string; created_at: number }) =>
          ({ id, object: "tenant", created_at }) as const;
        return pageOf(db, { table: "tenants" }, page, summary);
      },
    },
  }),
});
