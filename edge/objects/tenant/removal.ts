/**
 * Deletes a tenant: its rows in one transaction, which revokes its keys at once; then its bytes, swept right away and
 * again when every upload in progress has ended. Keeps only the rows that the sweeps need.
 */
import type { Deleted } from "../../../shared/api/lists.ts";
import { PENDING_MS } from "../blob-ledger.ts";
import type { Database } from "../database.ts";
import { tenantModule } from "./context.ts";
import { attempt } from "./job-course.ts";

interface RemovalRow {
  readonly tenant: string;
  /** When the bytes are swept next, in milliseconds. */
  readonly due: number;
  /** How often they were swept. */
  readonly sweeps: number;
}

const SWEEPS = 2;

/** Tables that outlive the tenant: which statements were run, and what is left to do. SQLite and Cloudflare keep their own. */
const KEPT = /^(?:modules$|removal$|sqlite_|_cf_)/;

export function emptyTables(db: Database): void {
  for (const { name } of db.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")) {
    if (!KEPT.test(name)) db.run(`DELETE FROM "${name}"`);
  }
}

/** The removal in progress; undefined if there is none. */
export function removalOf(db: Database): RemovalRow | undefined {
  return db.has("removal") ? db.get<RemovalRow>("SELECT * FROM removal") : undefined;
}

export const removal = tenantModule({
  schema: ["CREATE TABLE IF NOT EXISTS removal (tenant TEXT NOT NULL, due INTEGER NOT NULL, sweeps INTEGER NOT NULL)"],

  open(context) {
    const { db, now, rearm, tenant, signals } = context;

    /** Deletes every object of the tenant's, unless it is created again meanwhile. */
    const sweep = async (id: string): Promise<void> => {
      for (;;) {
        const { objects, truncated } = await context.env.BLOBS.list({ prefix: `tenants/${id}/` });
        if (removalOf(db) === undefined) return;
        if (objects.length > 0) await context.env.BLOBS.delete(objects.map(({ key }) => key));
        if (!truncated) return;
      }
    };

    const run = async (): Promise<void> => {
      const row = removalOf(db);
      if (row === undefined || row.due > now()) return;
      await context.dispatcher.tenants.forget(row.tenant);
      await sweep(row.tenant);
      // The alarm and the request may have swept at the same time, which counts once.
      if (row.sweeps + 1 < SWEEPS) {
        db.run(
          "UPDATE removal SET sweeps = ?, due = ? WHERE sweeps = ?",
          row.sweeps + 1,
          now() + PENDING_MS,
          row.sweeps,
        );
      } else db.run("DELETE FROM removal");
    };

    return {
      calls: {
        /**
         * Deletes the tenant with its keys, jobs, files, deltas, models, aliases and usage. Its id is free again afterwards.
         *
         * @throws TrimtabError not_found where there is no such tenant.
         */
        async delete(): Promise<Deleted> {
          const { id } = tenant();
          const jobs = db.all<{ id: string }>("SELECT id FROM jobs WHERE finished_at IS NULL");
          db.transaction(() => {
            emptyTables(db);
            db.run("INSERT INTO removal (tenant, due, sweeps) VALUES (?, ?, 0)", id, now());
          });
          await rearm();
          // Trainers that still hold jobs find out at their next call.
          for (const job of jobs) signals.wake(job.id);
          await attempt("sweep a tenant", run());
          return { id, object: "tenant", deleted: true };
        },

        /**
         * Finishes a removal before its tenant is created again: everything stored from now on belongs to the new
         * tenant.
         */
        async finish(): Promise<void> {
          const row = removalOf(db);
          if (row === undefined) return;
          if (row.sweeps === 0) await sweep(row.tenant);
          db.run("DELETE FROM removal");
        },
      },
      duty: { run, next: () => removalOf(db)?.due ?? null },
    };
  },
});
