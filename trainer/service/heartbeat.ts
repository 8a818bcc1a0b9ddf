import type { Heartbeat } from "../../shared/api/trainer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { JobClient } from "./client.ts";

/** Why a trainer stops a job before its end; `lost` means that the job is no longer this trainer's. */
export type StopReason = "cancelled" | "paused" | "lost" | "shutdown";

/** Replies that mean a job is no longer this trainer's: it was leased again, has ended, or is gone. */
const LOST: readonly string[] = ["stale_lease", "cancelled", "conflict", "not_found"];

export const isLost = (error: unknown): boolean => error instanceof TrimtabError && LOST.includes(error.code);

export interface HeartbeatLoop {
  /** Sets what the next heartbeat says. */
  report(progress: Heartbeat): void;
  /** Resolves once no heartbeat is under way: one that comes after a release would take the lease up again. */
  stop(): Promise<void>;
}

export interface HeartbeatOptions {
  readonly client: Pick<JobClient, "heartbeat">;
  readonly leaseSeconds: number;
  /** Called once, with the first reason to stop that the server gives. */
  readonly onStop: (reason: StopReason) => void;
}

/** A cancelled job should stop soon, however long its lease. */
const LONGEST_INTERVAL_MS = 2_000;

/**
 * Keeps a lease alive from now until `stop`, with heartbeats every third of its length or more often. A failed one is not
 * retried: the next follows anyway.
 */
export function startHeartbeats({ client, leaseSeconds, onStop }: HeartbeatOptions): HeartbeatLoop {
  let latest: Heartbeat = {};
  let sending = false;
  let stopped = false;

  let pausing = false;

  function end(reason?: StopReason): void {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    if (reason !== undefined && !pausing) onStop(reason);
  }

  /** The lease lives on until the state is stored, which may take longer than it lasts. */
  function pause(): void {
    if (stopped || pausing) return;
    pausing = true;
    onStop("paused");
  }

  async function send(): Promise<void> {
    sending = true;
    try {
      const reply = await client.heartbeat(latest);
      if (reply.cancel) end("cancelled");
      else if (reply.pause) pause();
    } catch (error) {
      if (isLost(error)) end("lost");
    } finally {
      sending = false;
    }
  }

  let sent = Promise.resolve();
  const beat = () => {
    if (!sending) sent = send();
  };
  const timer = setInterval(beat, Math.min(LONGEST_INTERVAL_MS, (leaseSeconds * 1000) / 3));
  return {
    report(progress) {
      latest = progress;
    },
    async stop() {
      end();
      await sent;
    },
  };
}
