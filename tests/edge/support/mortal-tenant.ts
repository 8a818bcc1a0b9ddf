/** A tenant's object that is killed at a chosen point, and what outlives it. */
import type { Database } from "../../../edge/objects/database.ts";
import type { JobNotice } from "../../../edge/objects/dispatcher/notices.ts";
import type { TenantContext } from "../../../edge/objects/tenant/context.ts";
import { JobSignals } from "../../../edge/objects/tenant/job-signals.ts";

/** A kill that comes at the n-th write or call to the outside; everything after it fails as well, until the restart. */
export class Fate {
  points = 0;
  dead = false;
  killAt: number;

  constructor(killAt: number) {
    this.killAt = killAt;
  }

  point(): void {
    if (!this.dead && this.points++ === this.killAt) this.dead = true;
    if (this.dead) throw new Error("killed");
  }
}

/** The queue of the Dispatcher, which outlives the object. */
export class Queue {
  readonly jobs = new Set<string>();
  readonly bases = new Map<string, string>();
}

export function mortal(db: Database, fate: Fate): Database {
  return new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        // Reads and the writes inside a transaction fail only with the whole object.
        if (name === "transaction" || name === "change") fate.point();
        else if (fate.dead) throw new Error("killed");
        const result = (value as (...args: unknown[]) => unknown).apply(target, args);
        if (name === "transaction") fate.point();
        return result;
      };
    },
  });
}

export function contextOf(db: Database, fate: Fate, queue: Queue, ids: { next: number }): TenantContext {
  const call =
    <A extends unknown[]>(body: (...args: A) => unknown) =>
    async (...args: A): Promise<unknown> => {
      fate.point();
      const value = body(...args);
      fate.point();
      return value;
    };
  const dispatcher = {
    queue: {
      notice: call((notices: readonly JobNotice[]) => {
        for (const { job, wanted, base } of notices) {
          queue.jobs.delete(job);
          queue.bases.delete(job);
          if (wanted === "queued") queue.jobs.add(job);
          else if (wanted === "kept") queue.bases.set(job, base!);
        }
      }),
      compare: call(() => []),
    },
  };
  return {
    db: mortal(db, fate),
    signals: new JobSignals(),
    now: () => 5_000,
    rearm: async () => fate.point(),
    random: (bytes: Uint8Array) => bytes.fill(1),
    newId: (kind: string) => `${kind === "job" ? "ftjob-" : "id-"}${String(ids.next++).padStart(24, "0")}`,
    tenant: () => ({ id: "t", object: "tenant", created_at: 1, requests_per_minute: 1, tokens_per_minute: 1 }),
    dispatcher,
    env: { BLOBS: { put: call(() => undefined) } },
    requireModelUnused: () => undefined,
  } as unknown as TenantContext;
}
