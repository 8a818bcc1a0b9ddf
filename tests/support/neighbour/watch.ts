/** Watches a tenant's streams while others make requests. */
import { Worker } from "node:worker_threads";
import type { Observed, Stretch, WatchedStreams } from "./watch-thread.ts";

export type { Observed } from "./watch-thread.ts";

/** Replies that come late still belong to the request that delayed them. */
const AFTER_MS = 60;

export class NeighbourWatch {
  readonly #thread: Worker;
  /** What went wrong with the watched streams themselves. */
  readonly failures: string[] = [];

  constructor(streams: WatchedStreams) {
    this.#thread = new Worker(new URL("./watch-thread.ts", import.meta.url), { workerData: streams });
    this.#thread.on("message", ({ failed }: { readonly failed?: string }) => {
      if (failed !== undefined) this.failures.push(failed);
    });
  }

  /** Runs `work`, and says what the streams went through from its start to its end. */
  async during(work: () => Promise<unknown>): Promise<Observed & { readonly ms: number }> {
    const from = performance.timeOrigin + performance.now();
    await work();
    const ms = performance.timeOrigin + performance.now() - from;
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    return { ...(await this.#ask({ from, to: from + ms + AFTER_MS })), ms };
  }

  #ask(asked: Stretch): Promise<Observed> {
    return new Promise((resolve) => {
      const take = ({ observed }: { readonly observed?: Observed }): void => {
        if (observed === undefined) return;
        this.#thread.off("message", take);
        resolve(observed);
      };
      this.#thread.on("message", take);
      this.#thread.postMessage(asked);
    });
  }

  async end(): Promise<void> {
    await this.#thread.terminate();
  }
}
