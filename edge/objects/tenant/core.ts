import { DurableObject } from "cloudflare:workers";
import type { Tenant as TenantInfo } from "../../../shared/api/admin.ts";
import { type IdKind, newId, type RandomBytes } from "../../../shared/api/ids.ts";
import type { Job, JobEvent, JobStatus } from "../../../shared/api/jobs.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { Env } from "../../env.ts";
import { nextBlobSweep, sweepBlobs } from "../blob-ledger.ts";
import { Database } from "../database.ts";
import type { ReadyBase } from "../dispatcher/registry.ts";
import type { Dispatcher } from "../dispatcher.ts";
import {
  abandon,
  claim,
  claimUpload,
  type DoneUpload,
  type Idempotency,
  identifyUpload,
  type StoredReply,
  settle,
  sweepIdempotency,
  type UploadClaim,
} from "../idempotency.ts";
import { type Outcome, outcome } from "../outcome.ts";
import { dispatcherObject, type Remote } from "../remote.ts";
import { unknownModel } from "./artefacts.ts";
import { dropResumeState } from "./checkpoints.ts";
import { addEvent } from "./events.ts";
import { sweepPendingFiles } from "./files.ts";
import { endJob, type JobRow, noteQueued, requireJob, specOf, unqueuedJobs, waitingJobs } from "./jobs.ts";

const RETRY_MS = 5_000;
const SOON_MS = 10;
/**
 * How often a job that waits is offered to the Dispatcher again. It has the job already, unless a call was lost or overtaken
 * on its way; then this is what keeps the job from waiting for ever.
 */
const OFFER_AGAIN_MS = 60_000;

/** What every part of a Tenant stands on: its database, its alarm, its line to the Dispatcher, idempotency. */
export abstract class TenantCore extends DurableObject<Env> {
  protected readonly db: Database;
  protected readonly random: RandomBytes = (bytes) => crypto.getRandomValues(bytes);
  readonly #waiting = new Map<string, Set<() => void>>();
  /** When all waiting jobs were last offered to the Dispatcher, in milliseconds. */
  #offeredAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.db = new Database(ctx.storage);
  }

  claim(asked: Idempotency & { staleMs: number }): Promise<Outcome<StoredReply | null>> {
    return outcome(() => {
      this.tenant();
      return claim(this.db, asked, Date.now()) ?? null;
    });
  }

  claimUpload(asked: UploadClaim & { staleMs: number }): Promise<Outcome<DoneUpload | null>> {
    return outcome(() => claimUpload(this.db, asked, Date.now()) ?? null);
  }

  identifyUpload(claimed: UploadClaim, fingerprint: string): Promise<Outcome<void>> {
    return outcome(() => identifyUpload(this.db, claimed, fingerprint));
  }

  settle(asked: Idempotency, reply: StoredReply): Promise<Outcome<void>> {
    return outcome(() => settle(this.db, asked, reply));
  }

  abandon(asked: Idempotency): Promise<Outcome<void>> {
    return outcome(() => abandon(this.db, asked));
  }

  override async alarm(): Promise<void> {
    let pauseMs = SOON_MS;
    try {
      sweepIdempotency(this.db, Date.now());
      await this.#offerAll();
      await sweepBlobs(this.db, this.env.BLOBS, Date.now());
      sweepPendingFiles(this.db);
    } catch (error) {
      console.error("a Tenant's alarm failed and will run again", error);
      pauseMs = RETRY_MS;
    } finally {
      await this.rearm(pauseMs);
    }
  }

  protected get dispatcher(): Remote<Dispatcher> {
    return dispatcherObject(this.env);
  }

  protected newId(kind: IdKind): string {
    return newId(kind, this.random);
  }

  /**
   * @throws TrimtabError not_found where the tenant was never made: then there are no tables either.
   */
  protected tenant(): TenantInfo {
    const row = this.db.has("tenant") ? this.db.get<Omit<TenantInfo, "object">>("SELECT * FROM tenant") : undefined;
    if (row === undefined) throw new TrimtabError("not_found", "There is no such tenant.", { param: "tenant" });
    return { ...row, object: "tenant" };
  }

  /** A base model that can be used. */
  protected async readyBase(id: string): Promise<ReadyBase> {
    const base = await this.dispatcher.readyBase(id);
    if (base === null) throw unknownModel(id);
    return base;
  }

  /** Adds an event of the service itself to a job. */
  protected say(job: string, level: JobEvent["level"], message: string): void {
    addEvent(this.db, { id: this.newId("event"), job, level, message }, Date.now());
    this.wake(job);
  }

  /** Ends a job and says so. Its resume state goes with it. */
  protected end(id: string, end: { status: JobStatus; error?: Job["error"] }, message: string): void {
    endJob(this.db, id, end, Date.now());
    dropResumeState(this.db, id, Date.now());
    const level = { succeeded: "info", failed: "error" } as const;
    this.say(id, end.status === "succeeded" || end.status === "failed" ? level[end.status] : "warn", message);
  }

  /** Tells the Dispatcher that a job needs no trainer any more. If that fails, the next lease of the job finds it out. */
  protected async settled(job: string, ended: JobStatus | null): Promise<void> {
    await Promise.all([attempt("withdraw a job", this.dispatcher.withdraw(job, ended)), this.rearm()]);
  }

  /** Hands jobs to the Dispatcher. The alarm does it again until it has worked. */
  protected async queue(): Promise<void> {
    await this.rearm(RETRY_MS);
    await attempt("queue a job", this.#enqueue(unqueuedJobs(this.db)));
  }

  async #offerAll(): Promise<void> {
    const again = Date.now() >= this.#offeredAt + OFFER_AGAIN_MS;
    await this.#enqueue(again ? waitingJobs(this.db) : unqueuedJobs(this.db));
    if (again) this.#offeredAt = Date.now();
  }

  async #enqueue(jobs: readonly JobRow[]): Promise<void> {
    const { id: tenant } = this.tenant();
    for (const { id } of jobs) {
      const row = requireJob(this.db, id);
      if (row.status !== "queued") continue;
      await this.dispatcher.enqueue({ job: row.id, tenant, executor: specOf(row).executor });
      noteQueued(this.db, row);
    }
  }

  /** Waits for a job's next event, `waitMs` at the longest. */
  protected newEvents(job: string, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(job) ?? new Set();
      this.#waiting.set(job, waiting);
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      waiting.add(done);
    });
  }

  protected wake(job: string): void {
    for (const done of this.#waiting.get(job) ?? []) done();
    this.#waiting.delete(job);
  }

  /** Sets the alarm to whatever is due first, but not before `pauseMs` from now. */
  protected async rearm(pauseMs = SOON_MS): Promise<void> {
    const unqueued = unqueuedJobs(this.db).length > 0 ? 0 : null;
    const waiting = waitingJobs(this.db).length > 0 ? this.#offeredAt + OFFER_AGAIN_MS : null;
    const due = [unqueued, waiting, nextBlobSweep(this.db)].filter((at) => at !== null);
    if (due.length === 0) return;
    const at = Math.max(Math.min(...due), Date.now() + pauseMs);
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > at) await this.ctx.storage.setAlarm(at);
  }
}

/** Runs what may fail because something else will do it again. */
export async function attempt(what: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    console.warn(`could not ${what}, it will be tried again`, error);
  }
}
