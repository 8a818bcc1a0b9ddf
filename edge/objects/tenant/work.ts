import type { ArtefactKind } from "../../../shared/api/artefacts.ts";
import { fineTunedName } from "../../../shared/api/ids.ts";
import type { Checkpoint, CreateJob, Job, JobEvent } from "../../../shared/api/jobs.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import type { Method } from "../../../shared/api/methods.ts";
import type { Delta, Model } from "../../../shared/api/models.ts";
import type { Result } from "../../../shared/api/trainer.ts";
import type { Manifest } from "../../../shared/delta/manifest.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import type { ResolvedModel } from "../../serving/protocol.ts";
import { dropReservation, reserveBlob } from "../blob-ledger.ts";
import type { ReadyBase } from "../dispatcher/registry.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { type Outcome, outcome } from "../outcome.ts";
import { TenantAccount } from "./account.ts";
import {
  artefactId,
  artefactPrefix,
  deleteDelta,
  deleteModel,
  deltaOf,
  findModel,
  folderOf,
  listDeltas,
  listModels,
  modelOf,
  publish,
  requireDelta,
} from "./artefacts.ts";
import { listCheckpoints } from "./checkpoints.ts";
import { type EventStretch, eventsAfter, listEvents } from "./events.ts";
import { addJob, isTerminal, type JobBase, jobOf, listJobs, pauseJob, requeueJob, requireJob } from "./jobs.ts";
import { type AskedDelta, deltasToMerge, ownedModel, resolve } from "./resolve.ts";
import { verifyResult } from "./verify-result.ts";

/** Jobs as their tenant sees them, and what came of them: models and deltas. */
export abstract class TenantWork extends TenantAccount {
  /** `method` is the request's, complete and checked against the base. */
  createJob(
    asked: { request: CreateJob; method: Method; base: JobBase },
    key: Idempotency | null,
  ): Promise<Outcome<Job>> {
    return outcome(async () => {
      const id = this.newId("job");
      const seed = asked.request.seed ?? this.#seed();
      const job = this.db.transaction(() => {
        const row = addJob(this.db, { ...asked, id, seed }, Date.now());
        this.say(id, "info", `Created fine-tuning job: ${id}`);
        const created = jobOf(this.db, row);
        settleCreation(this.db, key, created);
        return created;
      });
      await this.queue();
      return job;
    });
  }

  #seed(): number {
    return new DataView(this.random(new Uint8Array(4)).buffer).getUint32(0) >>> 1;
  }

  job(id: string): Promise<Outcome<Job>> {
    return outcome(() => this.#job(id));
  }

  #job(id: string): Job {
    return jobOf(this.db, requireJob(this.db, id));
  }

  listJobs(page: Page): Promise<Outcome<ListOf<Job>>> {
    return outcome(() => listJobs(this.db, page));
  }

  /** Ends a job at once; its trainer is told at its next call. */
  cancelJob(id: string): Promise<Outcome<Job>> {
    return outcome(async () => {
      if (this.#requireUnended(id, "cancelled") !== "cancelled") {
        this.db.transaction(() => this.end(id, { status: "cancelled" }, "The job was cancelled"));
        await this.settled(id, "cancelled");
      }
      return this.#job(id);
    });
  }

  /** Stops a job at its next checkpoint; what it has learned is kept. */
  pauseJob(id: string): Promise<Outcome<Job>> {
    return outcome(async () => {
      if (this.#requireUnended(id, "paused") !== "paused") {
        this.db.transaction(() => {
          pauseJob(this.db, id);
          this.say(id, "info", "The job was paused");
        });
        await this.settled(id, null);
      }
      return this.#job(id);
    });
  }

  resumeJob(id: string): Promise<Outcome<Job>> {
    return outcome(async () => {
      if (this.#requireUnended(id, "resumed") === "paused") {
        this.db.transaction(() => {
          requeueJob(this.db, id);
          this.say(id, "info", "The job was resumed");
        });
        await this.queue();
      }
      return this.#job(id);
    });
  }

  /** The job's status, which is an ended one only where that is what was asked for. */
  #requireUnended(id: string, wanted: "cancelled" | "paused" | "resumed"): Job["status"] {
    const { status } = requireJob(this.db, id);
    if (isTerminal(status) && status !== wanted) {
      throw new TrimtabError("conflict", `The job ${id} has ended (${status}) and cannot be ${wanted}.`);
    }
    return status;
  }

  listEvents(id: string, page: Page): Promise<Outcome<ListOf<JobEvent>>> {
    return outcome(() => {
      requireJob(this.db, id);
      return listEvents(this.db, id, page);
    });
  }

  /** The events after a cursor; waits up to `waitMs` for the first one. `ended`: no more will come. */
  followEvents(id: string, cursor: number, waitMs: number): Promise<Outcome<EventStretch & { ended: boolean }>> {
    return outcome(async () => {
      let stretch = eventsAfter(this.db, id, cursor);
      if (stretch.events.length === 0 && !isTerminal(requireJob(this.db, id).status)) {
        await this.newEvents(id, waitMs);
        stretch = eventsAfter(this.db, id, cursor);
      }
      const ended = isTerminal(requireJob(this.db, id).status) && stretch.events.length === 0;
      return { ...stretch, ended };
    });
  }

  listCheckpoints(id: string, page: Page): Promise<Outcome<ListOf<Checkpoint>>> {
    return outcome(() => {
      requireJob(this.db, id);
      return listCheckpoints(this.db, id, page);
    });
  }

  listModels(): Promise<Outcome<Model[]>> {
    return outcome(() => listModels(this.db, this.tenant().id));
  }

  /** One of the tenant's own models; null where it has none of that name. */
  model(name: string): Promise<Outcome<Model | null>> {
    return outcome(() => {
      const row = findModel(this.db, name);
      return row === undefined ? null : modelOf(row, this.tenant().id);
    });
  }

  deleteModel(name: string): Promise<Outcome<Deleted>> {
    return outcome(async () => {
      const deleted = this.db.transaction(() => deleteModel(this.db, name, Date.now()));
      await this.rearm();
      return deleted;
    });
  }

  listDeltas(page: Page): Promise<Outcome<ListOf<Delta>>> {
    return outcome(() => listDeltas(this.db, page));
  }

  delta(id: string): Promise<Outcome<Delta>> {
    return outcome(() => deltaOf(this.db, requireDelta(this.db, id, "delta_id")));
  }

  /** Where a delta's files lie. */
  deltaFolder(id: string): Promise<Outcome<StoredFolder>> {
    return outcome(() => folderOf(requireDelta(this.db, id, "delta_id")));
  }

  /**
   * First step of storing a result that no job made: records that its files are about to be stored, and says where. An
   * artefact of the same contents keeps its files.
   */
  beginArtefactFiles(place: {
    kind: ArtefactKind;
    digest: string;
    names: readonly string[];
  }): Promise<Outcome<string>> {
    return outcome(async () => {
      const prefix = artefactPrefix(this.tenant().id, place.kind, place.digest);
      this.db.transaction(() => {
        for (const name of place.names) reserveBlob(this.db, prefix + name, Date.now());
      });
      await this.rearm();
      return prefix;
    });
  }

  /** Gives up files of a result that was not finished. */
  dropArtefactFiles(place: { kind: ArtefactKind; digest: string; names: readonly string[] }): Promise<Outcome<void>> {
    return outcome(async () => {
      const prefix = artefactPrefix(this.tenant().id, place.kind, place.digest);
      for (const name of place.names) dropReservation(this.db, prefix + name, Date.now());
      await this.rearm();
    });
  }

  /** Publishes a result whose files are stored, under a name made from its digest. Returns that name. */
  addArtefact(
    made: { result: Result; base: Pick<JobBase, "id" | "digest">; suffix: string | null },
    key: Idempotency | null,
  ): Promise<Outcome<Delta | Model>> {
    return outcome(async () => {
      const { result, base, suffix } = made;
      const manifest = await this.verify(result, base);
      return this.db.transaction(() => {
        const tenant = this.tenant().id;
        const name = fineTunedName({ base: base.id, tenant, suffix, id: result.digest });
        publish(this.db, { tenant, name, result, base, manifest, job: null }, Date.now());
        const created =
          result.kind === "delta"
            ? deltaOf(this.db, requireDelta(this.db, artefactId(result), "delta_id"))
            : modelOf(findModel(this.db, name)!, tenant);
        settleCreation(this.db, key, created);
        return created;
      });
    });
  }

  /** Checks a result's stored files; those of a result that is not sound are given up, so that they can be stored again. */
  protected async verify(result: Result, base: Pick<JobBase, "id" | "digest">): Promise<Manifest | null> {
    const prefix = artefactPrefix(this.tenant().id, result.kind, result.digest);
    try {
      return await verifyResult(this.env.BLOBS, { prefix, result, base });
    } catch (error) {
      for (const { name } of result.files) dropReservation(this.db, prefix + name, Date.now());
      await this.rearm();
      throw error;
    }
  }

  deleteDelta(id: string): Promise<Outcome<Deleted>> {
    return outcome(async () => {
      const deleted = this.db.transaction(() => deleteDelta(this.db, id, Date.now()));
      await this.rearm();
      return deleted;
    });
  }

  /** The base and the deltas of a merge, in order. */
  deltasToMerge(
    model: string,
    deltas: readonly AskedDelta[],
  ): Promise<Outcome<{ base: ReadyBase; folders: StoredFolder[] }>> {
    return outcome(async () => {
      const base = await this.readyBase(model);
      return { base, folders: deltasToMerge(this.db, deltas, base) };
    });
  }

  /** What a request's `model` and `deltas` come to. */
  resolveModel(name: string, deltas: readonly AskedDelta[]): Promise<Outcome<ResolvedModel>> {
    return outcome(async () => {
      const { config: _, ...base } = await this.readyBase(ownedModel(this.db, name).baseId);
      // Looked up again after the wait: what was deleted meanwhile is not served.
      const owned = ownedModel(this.db, name);
      return resolve(this.db, { tenant: this.tenant().id, owned, deltas }, base);
    });
  }
}
