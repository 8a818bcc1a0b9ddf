import type { Lane } from "../../shared/api/lanes.ts";
import type { Executor as ExecutorName } from "../../shared/api/methods.ts";
import type { Lease } from "../../shared/api/trainer.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { createJobClient, requestLease } from "./client.ts";
import type { HttpEffects, Send } from "./http.ts";
import { LaneTurns } from "./lane-turns.ts";
import { type LeaseContext, runLease } from "./run-lease.ts";

export interface ServeOptions extends Omit<LeaseContext, "client" | "now" | "giveWay"> {
  readonly send: Send;
  readonly effects: Pick<HttpEffects, "sleep" | "random" | "now">;
  /** This process's name. */
  readonly trainer: string;
  readonly executors: readonly ExecutorName[];
  /** The lanes to work on, all at once. */
  readonly lanes: readonly Lane[];
}

/** The longest pauses while there is nothing to do, and while the server is unreachable. */
const LONGEST_IDLE_MS = 1_000;
const LONGEST_OUTAGE_MS = 10_000;
const FIRST_PAUSE_MS = 100;

/** What the loops of all lanes share. */
interface Shared {
  readonly turns: LaneTurns;
  /** Of the server; the first that notices a change logs it. */
  lastError: string | undefined;
}

/**
 * Leases jobs and runs them, one of each lane at a time, until `shutdown` aborts; the running jobs then save their states and are
 * released. Never throws: errors are logged, and the server is asked again later.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const shared: Shared = { turns: new LaneTurns(), lastError: undefined };
  await Promise.all(options.lanes.map((lane) => serveLane(options, lane, shared)));
}

async function serveLane(options: ServeOptions, lane: Lane, shared: Shared): Promise<void> {
  const { effects, shutdown, log } = options;
  let failures = 0;
  let idle = 0;
  const pause = async (attempt: number, longest: number) => {
    const length = Math.min(longest, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 20));
    await effects.sleep(length * (0.5 + effects.random() / 2), shutdown);
  };
  while (!shutdown.aborted) {
    let lease: Lease | undefined;
    try {
      const request = { trainer: options.trainer, executors: [...options.executors], lanes: [lane] };
      lease = await requestLease(options.send, request, shutdown);
      failures = 0;
      if (shared.lastError !== undefined) log("the server is back");
      shared.lastError = undefined;
    } catch (error) {
      if (shutdown.aborted) break;
      const line = `no lease: ${error instanceof TrimtabError ? `${error.code}: ` : ""}${messageOf(error)}`;
      if (line !== shared.lastError) log(line);
      shared.lastError = line;
      await pause(failures++, LONGEST_OUTAGE_MS);
      continue;
    }
    if (lease === undefined) {
      await pause(idle++, LONGEST_IDLE_MS);
      continue;
    }
    idle = 0;
    log(`${lease.job}: leased (attempt ${lease.attempt}, from step ${lease.checkpoint?.step ?? 0})`);
    const client = createJobClient(options.send, lease);
    const giveWay = (stop: AbortSignal) => shared.turns.giveWay(lane, stop);
    const context = { ...options, client, now: effects.now, giveWay };
    const outcome = await shared.turns.run(lane, () => runLease(lease, context));
    // Whatever stopped this job may stop the next one too.
    if (outcome === "dropped") await pause(failures++, LONGEST_OUTAGE_MS);
  }
}
