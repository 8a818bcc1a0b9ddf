import type { ArtefactKind } from "../../shared/api/artefacts.ts";
import { checkpointName, fineTunedName } from "../../shared/api/ids.ts";
import type { Job, JobStatus } from "../../shared/api/jobs.ts";
import type {
  CheckpointReply,
  Completion,
  EventBatchReply,
  Heartbeat,
  HeartbeatReply,
  PublishCheckpoint,
  Release,
  Result,
  TrainerEvent,
} from "../../shared/api/trainer.ts";
import type { Manifest } from "../../shared/delta/manifest.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { dropReservation, reserveBlob } from "./blob-ledger.ts";
import { type Outcome, outcome } from "./outcome.ts";
import { artefactPrefix, publish } from "./tenant/artefacts.ts";
import { addCheckpoint, keepResumeState } from "./tenant/checkpoints.ts";
import { attempt } from "./tenant/core.ts";
import { addTrainerEvents } from "./tenant/events.ts";
import { awaitTrainer, baseOf, isTerminal, type JobRow, keepResult, requireJob, specOf } from "./tenant/jobs.ts";
import {
  type BegunLease,
  beat,
  beginLease,
  type Hold,
  type LeaseTerms,
  requireFence,
  requireHold,
} from "./tenant/leases.ts";
import { type BlobSource, type SourceName, sourceOf } from "./tenant/sources.ts";
import { addUsage } from "./tenant/usage.ts";
import { TenantWork } from "./tenant/work.ts";

/** A file of a result, before it is stored. */
export interface ArtefactPlace {
  readonly kind: ArtefactKind;
  readonly digest: string;
  readonly name: string;
}

/**
 * Everything that belongs to one tenant, and nothing that belongs to another; the object is named by the tenant's id. The methods
 * are what routes and the Dispatcher call, each a few lines over the queries in `tenant/`. Here are those for trainers:
 * every write checks the fence in its own transaction.
 */
export class Tenant extends TenantWork {
  beginLease(terms: LeaseTerms): Promise<Outcome<BegunLease>> {
    return outcome(() =>
      this.db.transaction(() => {
        const begun = beginLease(this.db, terms);
        if (begun.lease !== null) {
          const { checkpoint } = begun.lease;
          const from = checkpoint === null ? "" : ` at step ${checkpoint.step}`;
          this.say(terms.job, "info", `A trainer has taken the job${from}`);
        }
        return begun;
      }),
    );
  }

  /** The trainer was not heard of for the length of its lease; the job waits for the next one. */
  noteLapse(hold: Hold, attempts: number): Promise<Outcome<void>> {
    return outcome(() => {
      const row = requireJob(this.db, hold.job);
      if (row.fence !== hold.fence || row.status !== "running") return;
      this.db.transaction(() => {
        awaitTrainer(this.db, row.id);
        const left = LIMITS.leasesWithoutProgress - attempts;
        this.say(row.id, "warn", `The trainer stopped answering; the job is queued again (tries left: ${left})`);
      });
    });
  }

  /** Fails a job that no trainer got any further with. Returns how the job has ended, null where it is set aside. */
  giveUp(hold: Hold, attempts: number): Promise<Outcome<JobStatus | null>> {
    return outcome(async () => {
      const row = requireJob(this.db, hold.job);
      if (isTerminal(row.status)) return row.status;
      if (row.status === "paused") return null;
      const message = `${attempts} trainers in a row stopped without a new checkpoint. Look into their logs, then create the job again.`;
      const error = { code: "internal_error", message, param: null };
      this.db.transaction(() => this.end(row.id, { status: "failed", error }, message));
      await this.rearm();
      return "failed" as const;
    });
  }

  heartbeat(hold: Hold, report: Heartbeat): Promise<Outcome<HeartbeatReply>> {
    return outcome(async () => {
      const { cancel, pause } = this.db.transaction(() => beat(this.db, hold, report));
      if (cancel || pause) return { cancel, pause, lease_seconds: 0 };
      const leaseSeconds = await this.dispatcher.extend(hold);
      if (leaseSeconds === null) {
        throw new TrimtabError("stale_lease", `The lease of ${hold.job} has ended. Drop the job and lease again.`);
      }
      return { cancel, pause, lease_seconds: leaseSeconds };
    });
  }

  addEvents(hold: Hold, events: readonly TrainerEvent[]): Promise<Outcome<EventBatchReply>> {
    return outcome(() => {
      const reply = this.db.transaction(() => {
        requireHold(this.db, hold);
        const named = events.map((event) => ({ ...event, id: this.newId("event") }));
        return addTrainerEvents(this.db, { ...hold, events: named }, Date.now());
      });
      this.wake(hold.job);
      return reply;
    });
  }

  /** Where a trainer may read something that its job needs. */
  source(hold: Hold, name: SourceName): Promise<Outcome<BlobSource>> {
    return outcome(() => sourceOf(this.db, requireHold(this.db, hold), name));
  }

  /** Records that a resume state is about to be stored, and says under which key. */
  beginResumeState(hold: Hold, step: number): Promise<Outcome<string>> {
    return outcome(() => {
      requireHold(this.db, hold);
      const place = `tenants/${this.tenant().id}/jobs/${hold.job}/resume`;
      return this.#reserve(`${place}/${step}-${hold.fence}-${this.newId("checkpoint")}`);
    });
  }

  /** Makes stored bytes the state to go on from. */
  keepResumeState(hold: Hold, state: CheckpointReply & { key: string }): Promise<Outcome<CheckpointReply>> {
    return outcome(async () => {
      const { step, bytes, sha256, key } = state;
      this.db.transaction(() => {
        requireHold(this.db, hold);
        keepResumeState(this.db, { job: hold.job, step, blob: key, bytes, sha256 }, Date.now());
      });
      await Promise.all([this.rearm(), attempt("note progress", this.dispatcher.progress(hold))]);
      return { step, bytes, sha256 };
    });
  }

  /** Records that a file of a result is about to be stored, and says under which key. */
  beginArtefact(hold: Hold, place: ArtefactPlace): Promise<Outcome<string>> {
    return outcome(() => {
      requireHold(this.db, hold);
      return this.#reserve(artefactPrefix(this.tenant().id, place.kind, place.digest) + place.name);
    });
  }

  async #reserve(key: string): Promise<string> {
    reserveBlob(this.db, key, Date.now());
    await this.rearm();
    return key;
  }

  /** Gives up a reserved key whose bytes did not arrive. */
  dropBlob(key: string): Promise<Outcome<void>> {
    return outcome(async () => {
      dropReservation(this.db, key, Date.now());
      await this.rearm();
    });
  }

  publishCheckpoint(hold: Hold, step: number, checkpoint: PublishCheckpoint): Promise<Outcome<string>> {
    return outcome(async () => {
      const { result } = checkpoint;
      const manifest = await this.#verify(hold, result);
      return this.db.transaction(() => {
        const row = requireHold(this.db, hold);
        const model = checkpointName(this.#modelName(row), step);
        this.#publish(row, model, { result, manifest });
        const { metrics } = checkpoint;
        addCheckpoint(this.db, { id: this.newId("checkpoint"), job: row.id, step, model, metrics }, Date.now());
        this.say(row.id, "info", `Checkpoint created at step ${step}`);
        return model;
      });
    });
  }

  /** Publishes a job's result. Asked again by the same trainer for the same result, it answers as before. */
  completeJob(hold: Hold, completion: Completion): Promise<Outcome<string>> {
    return outcome(async () => {
      const before = this.#completedBefore(hold, completion.result);
      if (before !== undefined) return before;
      const { result } = completion;
      const manifest = await this.#verify(hold, result);
      const name = this.db.transaction(() => {
        // Another call of the same trainer may have come first while the files were checked.
        const done = this.#completedBefore(hold, completion.result);
        if (done !== undefined) return done;
        const row = requireHold(this.db, hold);
        const model = this.#modelName(row);
        this.#publish(row, model, { result, manifest });
        keepResult(this.db, row.id, { ...completion, model });
        this.say(row.id, "info", `New fine-tuned model created: ${model}`);
        this.end(row.id, { status: "succeeded" }, "The job has successfully completed");
        addUsage(this.db, { trainedTokens: completion.trained_tokens }, Date.now());
        return model;
      });
      await this.settled(hold.job, "succeeded");
      return name;
    });
  }

  failJob(hold: Hold, error: NonNullable<Job["error"]>): Promise<Outcome<JobStatus>> {
    return outcome(async () => {
      const row = requireFence(this.db, hold);
      if (isTerminal(row.status)) return row.status;
      this.db.transaction(() => this.end(row.id, { status: "failed", error }, error.message));
      await this.settled(row.id, "failed");
      return "failed" as const;
    });
  }

  /** Takes a job back from a trainer that stops before its end. */
  releaseJob(hold: Hold, reason: Release["reason"]): Promise<Outcome<JobStatus>> {
    return outcome(async () => {
      const row = requireFence(this.db, hold);
      if (row.status === "running") {
        this.db.transaction(() => {
          awaitTrainer(this.db, row.id);
          const why = reason === "shutdown" ? "was shut down" : "handed the job back";
          this.say(row.id, "info", `The trainer ${why}; the job is queued again`);
        });
        await attempt("release a job", this.dispatcher.release(hold));
      }
      return requireJob(this.db, hold.job).status;
    });
  }

  #modelName(row: JobRow): string {
    return fineTunedName({ base: baseOf(row).id, tenant: this.tenant().id, suffix: specOf(row).suffix, id: row.id });
  }

  #publish(row: JobRow, name: string, made: { result: Result; manifest: Manifest | null }): void {
    publish(this.db, { ...made, tenant: this.tenant().id, name, base: baseOf(row), job: row.id }, Date.now());
  }

  #completedBefore(hold: Hold, result: Result): string | undefined {
    const row = requireFence(this.db, hold);
    return row.status === "succeeded" && row.result === result.digest ? (row.fine_tuned_model ?? undefined) : undefined;
  }

  #verify(hold: Hold, result: Result): Promise<Manifest | null> {
    return this.verify(result, baseOf(requireHold(this.db, hold)));
  }
}
