/** A trainer as the API meets it: honest most of the time, and sometimes killed, cut off, or frozen and back as a zombie. */

import type { Dispatcher } from "../../edge/objects/dispatcher.ts";
import { type Remote, remote } from "../../edge/objects/rpc.ts";
import type { Tenant } from "../../edge/objects/tenant.ts";
import type { Lease } from "../../shared/api/trainer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { SimulatedObject, World } from "./world.ts";

const HEARTBEAT_MS = 2_000;
const LEASE_SECONDS = 10;
const TRIES = 5;

/** Ends what a trainer does when its process is killed. */
class Killed extends Error {}

export interface TrainerHooks {
  /** A reply to a report that was not lost. */
  readonly reported: (job: string, step: number) => void;
  readonly leased: (job: string, fence: number) => void;
}

export class SimulatedTrainer {
  readonly name: string;
  readonly #world: World;
  readonly #dispatcher: Remote<Dispatcher>;
  readonly #tenants: (id: string) => SimulatedObject;
  readonly #hooks: TrainerHooks;
  #life = 0;
  #frozenUntil = 0;

  constructor(
    world: World,
    name: string,
    objects: { dispatcher: SimulatedObject; tenants: (id: string) => SimulatedObject },
    hooks: TrainerHooks,
  ) {
    this.#world = world;
    this.name = name;
    this.#dispatcher = remote<Dispatcher>(objects.dispatcher.calledBy(null));
    this.#tenants = objects.tenants;
    this.#hooks = hooks;
  }

  start(): void {
    void this.#serve(++this.#life);
  }

  kill(): void {
    this.#life++;
    this.#world.say(`${this.name} is killed`);
  }

  /** Stops everything for a while; what it holds may be another's by then. */
  freeze(ms: number): void {
    this.#world.say(`${this.name} freezes for ${Math.round(ms / 1000)} s`);
    this.#frozenUntil = this.#world.time + ms;
  }

  async #serve(life: number): Promise<void> {
    const executors = ["onnxruntime" as const];
    try {
      for (;;) {
        await this.#pause(life, this.#world.between(100, 1_000));
        let lease: Lease | null = null;
        try {
          lease = await this.#dispatcher.leases.take({ trainer: this.name, executors, lease_seconds: LEASE_SECONDS });
        } catch {
          // Asks again.
        }
        this.#require(life);
        if (lease !== null) await this.#work(life, lease);
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  async #work(life: number, lease: Lease): Promise<void> {
    const { job, fence } = lease;
    const hold = { job, fence };
    const tenant = remote<Tenant>(this.#tenants(lease.tenant).calledBy(null));
    this.#world.say(`${this.name} holds ${job} under ${fence}`);
    this.#hooks.leased(job, fence);
    const course: { stop: string | null } = { stop: null };
    void this.#beat(life, course, () => tenant.leases.heartbeat(hold, {}));
    const steps = 3;
    try {
      for (let step = (lease.checkpoint?.step ?? 0) + 1; step <= steps && course.stop === null; step++) {
        await this.#pause(life, this.#world.between(200, 3_000));
        const event = {
          seq: step,
          level: "info" as const,
          message: `step ${step}`,
          type: "message" as const,
          data: null,
        };
        await this.#persist(life, () => tenant.events.add(hold, [event]));
        this.#hooks.reported(job, step);
        if (course.stop === "cancel") break;
        await this.#persist(life, async () => {
          const key = await tenant.checkpoints.beginResumeState(hold, step);
          await tenant.checkpoints.keepResumeState(hold, { step, bytes: 1, sha256: "s", key });
        });
      }
      if (course.stop === null) {
        const done = { result: null, metrics: {}, trained_tokens: 1, hyperparameters: {} };
        await this.#persist(life, () => tenant.results.complete(hold, done));
      } else if (course.stop !== "lost") {
        const reason = course.stop === "pause" ? "paused" : "cancelled";
        await this.#persist(life, () => tenant.leases.release(hold, reason));
      }
    } catch (error) {
      if (error instanceof Killed) throw error;
      // Drops the job.
    } finally {
      course.stop ??= "over";
    }
  }

  async #beat(
    life: number,
    course: { stop: string | null },
    send: () => Promise<{ cancel: boolean; pause: boolean }>,
  ): Promise<void> {
    try {
      while (course.stop === null) {
        await this.#pause(life, HEARTBEAT_MS);
        if (course.stop !== null) return;
        try {
          const { cancel, pause } = await send();
          if (cancel || pause) course.stop ??= cancel ? "cancel" : "pause";
        } catch (error) {
          if (error instanceof TrimtabError && error.code !== "internal_error") course.stop ??= "lost";
        }
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  /** Repeats a call while it gets no reply. */
  async #persist(life: number, call: () => Promise<unknown>): Promise<void> {
    for (let left = TRIES; ; left--) {
      try {
        await call();
        this.#require(life);
        return;
      } catch (error) {
        this.#require(life);
        if ((error instanceof TrimtabError && error.code !== "internal_error") || left <= 1) throw error;
        await this.#pause(life, this.#world.between(200, 1_000));
      }
    }
  }

  async #pause(life: number, ms: number): Promise<void> {
    await this.#world.sleep(ms);
    while (this.#world.time < this.#frozenUntil) await this.#world.sleep(this.#frozenUntil - this.#world.time);
    this.#require(life);
  }

  #require(life: number): void {
    if (life !== this.#life) throw new Killed();
  }
}
