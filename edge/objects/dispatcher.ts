import { DurableObject } from "cloudflare:workers";
import type { BaseModel, CreateBase, TenantSummary } from "../../shared/api/admin.ts";
import { folderDigest, type StoredFile } from "../../shared/api/artefacts.ts";
import type { JobStatus } from "../../shared/api/jobs.ts";
import { type ListOf, listOf, type Page } from "../../shared/api/lists.ts";
import type { Model } from "../../shared/api/models.ts";
import type { Lease, LeaseRequest } from "../../shared/api/trainer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { UploadedFolder } from "../blobs/uploaded-folder.ts";
import { type Env, heapLimitBytes } from "../env.ts";
import { nextBlobSweep, sweepBlobs } from "./blob-ledger.ts";
import { Database, seconds } from "./database.ts";
import { checkBase } from "./dispatcher/check-base.ts";
import {
  enqueue,
  extendLease,
  isExhausted,
  isLapsed,
  lapsedLeases,
  nextLapse,
  noteProgress,
  postponeLapse,
  type QueueCounts,
  type QueuedJob,
  type QueueRow,
  queueCounts,
  releaseJob,
  removeJob,
  requeue,
  takeJob,
} from "./dispatcher/queue.ts";
import {
  announceBase,
  announcedFile,
  basePrefix,
  dropBase,
  finishBase,
  listBases,
  noteUpload,
  type ReadyBase,
  readyBase,
  requireBaseModel,
  sweepPendingBases,
} from "./dispatcher/registry.ts";
import { createDispatcherTables } from "./dispatcher/schema.ts";
import {
  abandon,
  claim,
  type Idempotency,
  type StoredReply,
  settle,
  settleCreation,
  sweepIdempotency,
} from "./idempotency.ts";
import { type Outcome, outcome } from "./outcome.ts";
import { pageOf } from "./page.ts";
import { tenantObject } from "./remote.ts";
import type { BegunLease, Hold } from "./tenant/leases.ts";

/** How soon the alarm tries again what failed. */
const RETRY_MS = 5_000;
const SOON_MS = 10;

/** The one queue of jobs, the list of tenants, and the base models that all tenants share. */
export class Dispatcher extends DurableObject<Env> {
  readonly #db: Database;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#db = new Database(ctx.storage);
    createDispatcherTables(this.#db);
  }

  // ---- the queue, as tenants see it

  enqueue(job: QueuedJob): Promise<Outcome<void>> {
    return outcome(() => enqueue(this.#db, job));
  }

  /** Takes a job out; `ended` says how it ended, null that it may come back. */
  withdraw(job: string, ended: JobStatus | null): Promise<Outcome<void>> {
    return outcome(() => removeJob(this.#db, job, ended));
  }

  progress(hold: Hold): Promise<Outcome<void>> {
    return outcome(() => noteProgress(this.#db, hold));
  }

  release(hold: Hold): Promise<Outcome<void>> {
    return outcome(() => releaseJob(this.#db, hold));
  }

  /** Seconds by which a lease was prolonged; null where it is not to be had any more. */
  extend(hold: Hold): Promise<Outcome<number | null>> {
    return outcome(async () => {
      const leaseSeconds = extendLease(this.#db, hold, Date.now());
      await this.#rearm();
      return leaseSeconds ?? null;
    });
  }

  // ---- the queue, as trainers see it

  /** Leases the next job; null where there is none. */
  lease(request: LeaseRequest): Promise<Outcome<Lease | null>> {
    return outcome(async () => {
      const { trainer, executors, lease_seconds: leaseSeconds = DEFAULTS.leaseSeconds } = request;
      for (;;) {
        const row = this.#db.transaction(() => takeJob(this.#db, { trainer, executors, leaseSeconds }, Date.now()));
        // The alarm is armed before the tenant is asked: a crash in between leaves a lease that lapses.
        await this.#rearm();
        if (row === undefined) return null;
        const begun = await this.#begin(row);
        if (begun?.lease != null) return begun.lease;
        if (begun !== undefined) removeJob(this.#db, row.job, begun.ended, row.fence);
      }
    });
  }

  counts(): Promise<Outcome<QueueCounts>> {
    return outcome(() => queueCounts(this.#db, Date.now()));
  }

  // ---- tenants

  noteTenant(id: string): Promise<Outcome<void>> {
    return outcome(() => {
      this.#db.run("INSERT OR IGNORE INTO tenants (id, created_at) VALUES (?, ?)", id, seconds(Date.now()));
    });
  }

  listTenants(page: Page): Promise<Outcome<ListOf<TenantSummary>>> {
    return outcome(() => {
      const rows = pageOf<{ id: string; created_at: number }>(this.#db, { table: "tenants" }, page);
      const tenants = rows.map(({ id, created_at }) => ({ id, object: "tenant", created_at }) as const);
      return listOf(tenants, page.limit);
    });
  }

  // ---- base models

  announceBase(base: CreateBase, asked: Idempotency | null): Promise<Outcome<BaseModel>> {
    return outcome(async () => {
      const digest = await folderDigest(base.files);
      const model = this.#db.transaction(() => {
        const announced = announceBase(this.#db, { ...base, digest }, Date.now());
        settleCreation(this.#db, asked, announced);
        return announced;
      });
      await this.#rearm();
      return model;
    });
  }

  announcedFile(id: string, name: string): Promise<Outcome<StoredFile & { key: string; ready: boolean }>> {
    return outcome(() => announcedFile(this.#db, id, name));
  }

  noteUpload(id: string, name: string): Promise<Outcome<BaseModel>> {
    return outcome(() => {
      noteUpload(this.#db, id, name);
      return requireBaseModel(this.#db, id);
    });
  }

  /** Checks an uploaded base and opens it to everybody; where it is not sound, nothing of it is kept. */
  publishBase(id: string): Promise<Outcome<BaseModel>> {
    return outcome(async () => {
      const model = requireBaseModel(this.#db, id);
      if (model.status === "ready") return model;
      const { digest } = model;
      const folder = new UploadedFolder(this.env.BLOBS, basePrefix(id, digest), "invalid_model");
      const files = model.files.map(({ uploaded: _, ...file }) => file);
      let config: unknown;
      try {
        await folder.verify(files);
        config = await checkBase({ files, folder, heapLimitBytes: heapLimitBytes(this.env) });
      } catch (error) {
        // Another announcement may have replaced this one during the checks.
        if (requireBaseModel(this.#db, id).digest === digest) {
          this.#db.transaction(() => dropBase(this.#db, id, Date.now()));
        }
        await this.#rearm();
        throw error;
      }
      return this.#db.transaction(() => finishBase(this.#db, id, { digest, config }, Date.now()));
    });
  }

  baseModel(id: string): Promise<Outcome<BaseModel>> {
    return outcome(() => requireBaseModel(this.#db, id));
  }

  readyBase(id: string): Promise<Outcome<ReadyBase | null>> {
    return outcome(() => readyBase(this.#db, id) ?? null);
  }

  listBases(): Promise<Outcome<Model[]>> {
    return outcome(() => listBases(this.#db));
  }

  // ---- idempotency

  claim(asked: Idempotency & { staleMs: number }): Promise<Outcome<StoredReply | null>> {
    return outcome(() => claim(this.#db, asked, Date.now()) ?? null);
  }

  settle(asked: Idempotency, reply: StoredReply): Promise<Outcome<void>> {
    return outcome(() => settle(this.#db, asked, reply));
  }

  abandon(asked: Idempotency): Promise<Outcome<void>> {
    return outcome(() => abandon(this.#db, asked));
  }

  // ---- the alarm

  override async alarm(): Promise<void> {
    let pauseMs = SOON_MS;
    try {
      for (const row of lapsedLeases(this.#db, Date.now())) {
        if (isLapsed(this.#db, row, Date.now())) await this.#lapse(row);
      }
      sweepIdempotency(this.#db, Date.now());
      await sweepBlobs(this.#db, this.env.BLOBS, Date.now());
      sweepPendingBases(this.#db, Date.now());
    } catch (error) {
      // A handler that throws is dropped after six tries, and with it every lease that it watches.
      console.error("the Dispatcher's alarm failed and will run again", error);
      pauseMs = RETRY_MS;
    } finally {
      await this.#rearm(pauseMs);
    }
  }

  /** Tells the tenant of a lease. One that cannot be begun stays leased until it lapses, and so does not block the queue. */
  async #begin(row: QueueRow): Promise<BegunLease | undefined> {
    const { job, fence, attempts: attempt, tenant, lease_seconds: leaseSeconds } = row;
    try {
      return await tenantObject(this.env, tenant).beginLease({ job, fence, tenant, attempt, leaseSeconds });
    } catch (error) {
      console.error(`the lease of ${job} could not be begun`, error);
      return undefined;
    }
  }

  async #lapse(row: QueueRow): Promise<void> {
    const { job, fence, tenant, attempts } = row;
    try {
      if (isExhausted(row)) {
        const ended = await tenantObject(this.env, tenant).giveUp({ job, fence }, attempts);
        removeJob(this.#db, job, ended, fence);
        return;
      }
      requeue(this.#db, row);
      await tenantObject(this.env, tenant).noteLapse({ job, fence }, attempts);
    } catch (error) {
      if (error instanceof TrimtabError && error.code === "not_found") {
        removeJob(this.#db, job, null, fence);
        return;
      }
      console.error(`the lapsed lease of ${job} could not be settled`, error);
      postponeLapse(this.#db, row, Date.now() + RETRY_MS);
    }
  }

  /** Sets the alarm to whatever is due first, but not before `pauseMs` from now. */
  async #rearm(pauseMs = SOON_MS): Promise<void> {
    const due = [nextLapse(this.#db), nextBlobSweep(this.#db)].filter((at) => at !== null);
    if (due.length === 0) return;
    const at = Math.max(Math.min(...due), Date.now() + pauseMs);
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > at) await this.ctx.storage.setAlarm(at);
  }
}
