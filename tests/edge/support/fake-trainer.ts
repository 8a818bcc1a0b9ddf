import type { Lease, Result } from "../../../shared/api/trainer.ts";
import { type Api, type CallOptions, holding, storing, TRAINER_TOKEN } from "./api.ts";
import { tinyDelta } from "./tiny-base.ts";

/** Speaks the trainer's protocol without training anything. */
export class FakeTrainer {
  readonly #api: Api;
  readonly #name: string;

  constructor(api: Api, name = "fake") {
    this.#api = api;
    this.#name = name;
  }

  /** Leases a job; undefined where there is none. */
  async lease(options: { seconds?: number; executors?: string[]; lanes?: string[] } = {}): Promise<Lease | undefined> {
    const response = await this.#api.send("POST", "/v1/trainer/leases", {
      key: TRAINER_TOKEN,
      body: {
        trainer: this.#name,
        executors: options.executors ?? ["onnxruntime"],
        ...(options.lanes === undefined ? {} : { lanes: options.lanes }),
        ...(options.seconds === undefined ? {} : { lease_seconds: options.seconds }),
      },
    });
    if (response.status === 204) return undefined;
    if (!response.ok) throw new Error(`lease: ${response.status} ${await response.text()}`);
    return (await response.json()) as Lease;
  }

  /** The options of a call for a job that is held. */
  held(lease: Lease, body: unknown): CallOptions {
    return { key: TRAINER_TOKEN, headers: holding(lease), body };
  }

  heartbeat(lease: Lease, report: Record<string, unknown> = {}): Promise<{ cancel: boolean; pause: boolean }> {
    return this.#api.call("POST", `/v1/trainer/jobs/${lease.job}/heartbeat`, this.held(lease, report));
  }

  events(lease: Lease, events: readonly Record<string, unknown>[]): Promise<{ accepted: number; duplicates: number }> {
    return this.#api.call("POST", `/v1/trainer/jobs/${lease.job}/events`, this.held(lease, { events }));
  }

  async read(lease: Lease, path: string): Promise<Response> {
    return this.#api.send("GET", path, { key: TRAINER_TOKEN, headers: holding(lease) });
  }

  async checkpoint(lease: Lease, step: number, state: Uint8Array): Promise<Response> {
    return this.#api.send("PUT", `/v1/trainer/jobs/${lease.job}/checkpoints/${step}`, {
      key: TRAINER_TOKEN,
      headers: await storing(lease, state),
      body: state,
    });
  }

  /** Stores the files of a small delta. */
  async artefacts(lease: Lease, note?: string, methods?: readonly string[]): Promise<Result> {
    const { folder, files, digest } = await tinyDelta(lease.base.digest, note, methods);
    for (const [name, body] of folder) {
      const path = `/v1/trainer/jobs/${lease.job}/artefacts/delta/${digest}/${encodeURIComponent(name)}`;
      await this.#api.call("PUT", path, { key: TRAINER_TOKEN, headers: await storing(lease, body), body });
    }
    return { kind: "delta", digest, files };
  }

  complete(lease: Lease, result: Result): Promise<{ model: string }> {
    const body = { result, metrics: { train_loss: 0.5 }, trained_tokens: 120, hyperparameters: { n_epochs: 3 } };
    return this.#api.call("POST", `/v1/trainer/jobs/${lease.job}/complete`, this.held(lease, body));
  }

  /** Leases the next job and completes it. */
  async work(note?: string, methods?: readonly string[]): Promise<{ lease: Lease; model: string }> {
    const lease = await this.lease();
    if (lease === undefined) throw new Error("there is no job to lease");
    const { model } = await this.complete(lease, await this.artefacts(lease, note, methods));
    return { lease, model };
  }
}
