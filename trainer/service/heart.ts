import type { Heartbeat } from "../../shared/api/trainer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { JobClient } from "./client.ts";

/** Why a job is put down before it has ended; `lost`: it is no longer this trainer's. */
export type StopReason = "cancelled" | "paused" | "lost" | "shutdown";

/** Answers after which a job is no longer this trainer's: it was leased again, has ended, or is gone. */
const LOST: readonly string[] = ["stale_lease", "cancelled", "conflict", "not_found"];

export const isLost = (error: unknown): boolean => error instanceof TrimtabError && LOST.includes(error.code);

export interface Heart {
  /** What the next beat says. */
  note(report: Heartbeat): void;
  stop(): void;
}

export interface HeartOptions {
  readonly client: Pick<JobClient, "heartbeat">;
  readonly leaseSeconds: number;
  /** Called once, with the first reason to stop that the server gives. */
  readonly onStop: (reason: StopReason) => void;
}

/** A cancelled job should stop soon, however long its lease. */
const LONGEST_BEAT_MS = 2_000;

/**
 * Keeps a lease alive from now until `stop`, by beats at a third of its length or more often. A beat that fails is not
 * tried again: the next one follows anyway.
 */
export function startHeart({ client, leaseSeconds, onStop }: HeartOptions): Heart {
  let report: Heartbeat = {};
  let beating = false;
  let stopped = false;

  function end(reason?: StopReason): void {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    if (reason !== undefined) onStop(reason);
  }

  async function beat(): Promise<void> {
    if (beating) return;
    beating = true;
    try {
      const reply = await client.heartbeat(report);
      if (reply.cancel) end("cancelled");
      else if (reply.pause) end("paused");
    } catch (error) {
      if (isLost(error)) end("lost");
    } finally {
      beating = false;
    }
  }

  const timer = setInterval(beat, Math.min(LONGEST_BEAT_MS, (leaseSeconds * 1000) / 3));
  return {
    note(next) {
      report = next;
    },
    stop: () => end(),
  };
}
