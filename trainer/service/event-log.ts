import type { TrainerEvent } from "../../shared/api/trainer.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { JobClient } from "./client.ts";

/** Below the API's limit, so that a batch of the longest messages still fits in a JSON body. */
const BATCH = 200;

export type JobEvent = Omit<TrainerEvent, "seq">;

/** Collects a lease's events and sends them in order in batches. */
export interface EventLog {
  add(event: JobEvent): void;
  /** Sends the collected events. Throws what the client throws, and keeps the events for the next flush. */
  flush(): Promise<void>;
}

export function createEventLog(client: Pick<JobClient, "events">): EventLog {
  let waiting: TrainerEvent[] = [];
  let seq = 0;
  let sending: Promise<void> = Promise.resolve();

  async function send(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      await client.events({ events: batch });
      waiting = waiting.slice(batch.length);
    }
  }

  return {
    add(event) {
      waiting.push({ ...event, seq: seq++, message: event.message.slice(0, LIMITS.eventMessage) });
    },
    flush() {
      // One flush at a time: a second one waits for the first, even if that fails.
      sending = sending.catch(() => undefined).then(send);
      return sending;
    },
  };
}
