import type { JobEvent } from "../../../shared/api/jobs.ts";
import { type ListOf, type Page, sizeInJson, withinBytes } from "../../../shared/api/lists.ts";
import type { EventBatchReply, TrainerEvent } from "../../../shared/api/trainer.ts";
import { type Database, seconds } from "../database.ts";
import type { Hold } from "../hold.ts";
import { pageOf } from "../page.ts";
import { tenantModule } from "./context.ts";
import { requireHold } from "./holds.ts";
import { isTerminal, requireJob } from "./job-rows.ts";
import { noteMeasured } from "./sweeps/measured.ts";

interface EventRow {
  readonly n: number;
  readonly id: string;
  readonly created_at: number;
  readonly level: JobEvent["level"];
  readonly message: string;
  readonly type: JobEvent["type"];
  readonly data: string | null;
}

/** A page of a job's events, oldest first; `cursor` marks where the next page starts. */
export interface EventStretch {
  readonly events: JobEvent[];
  readonly cursor: number;
}

/** An event of the service itself. */
export function addEvent(
  db: Database,
  event: { id: string; job: string; level: JobEvent["level"]; message: string },
  now: number,
): void {
  db.run(
    `INSERT INTO events (id, job, created_at, level, message, type) VALUES (?, ?, ?, ?, ?, 'message')`,
    event.id,
    event.job,
    seconds(now),
    event.level,
    event.message,
  );
}

/**
 * Stores a trainer's events. A batch that is sent twice is stored once, and so are the metrics of a step that is trained again
 * after a crash: a run is a function of its inputs, so the numbers are the same.
 */
export function addTrainerEvents(
  db: Database,
  batch: { job: string; fence: number; events: readonly (TrainerEvent & { id: string })[] },
  now: number,
): EventBatchReply {
  let accepted = 0;
  for (const event of batch.events) {
    const step = event.type === "metrics" && typeof event.data?.step === "number" ? event.data.step : null;
    const written = db.change(
      `INSERT OR IGNORE INTO events (id, job, fence, seq, step, created_at, level, message, type, data)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      event.id,
      batch.job,
      batch.fence,
      event.seq,
      step,
      seconds(now),
      event.level,
      event.message,
      event.type,
      event.data === null ? null : JSON.stringify(event.data),
    );
    if (written > 0) accepted++;
  }
  return { accepted, duplicates: batch.events.length - accepted };
}

export function listEvents(db: Database, job: string, page: Page): ListOf<JobEvent> {
  return pageOf(db, { table: "events", where: "job = ?", values: [job] }, page, eventOf);
}

/** Up to 200 events after the cursor, as many as fit into a reply, oldest first. */
export function eventsAfter(db: Database, job: string, cursor: number): EventStretch {
  const found = db.all<EventRow>("SELECT * FROM events WHERE job = ? AND n > ? ORDER BY n LIMIT 200", job, cursor);
  const rows = withinBytes(found, sizeInJson);
  return { events: rows.map(eventOf), cursor: rows.at(-1)?.n ?? cursor };
}

function eventOf(row: EventRow): JobEvent {
  return {
    object: "fine_tuning.job.event",
    id: row.id,
    created_at: row.created_at,
    level: row.level,
    message: row.message,
    type: row.type,
    data: row.data === null ? null : (JSON.parse(row.data) as Record<string, unknown>),
  };
}

/** The events of the tenant's jobs. */
export const events = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS events (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL, fence INTEGER, seq INTEGER, step INTEGER,
      created_at INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, type TEXT NOT NULL, data TEXT,
      UNIQUE (job, fence, seq))`,
    "CREATE INDEX IF NOT EXISTS events_of_job ON events (job, n)",
    "CREATE UNIQUE INDEX IF NOT EXISTS metrics_of_step ON events (job, step) WHERE type = 'metrics' AND step IS NOT NULL",
  ],
  open: ({ db, now, newId, signals, rearm }) => ({
    calls: {
      list(job: string, page: Page): ListOf<JobEvent> {
        requireJob(db, job);
        return listEvents(db, job, page);
      },

      /** The events after a cursor; waits up to `waitMs` for the first one. `ended` means that no more will follow. */
      async follow(job: string, cursor: number, waitMs: number): Promise<EventStretch & { ended: boolean }> {
        let stretch = eventsAfter(db, job, cursor);
        if (stretch.events.length === 0 && !isTerminal(requireJob(db, job).status)) {
          await signals.next(job, waitMs);
          stretch = eventsAfter(db, job, cursor);
        }
        const ended = isTerminal(requireJob(db, job).status) && stretch.events.length === 0;
        return { ...stretch, ended };
      },

      /** Stores what a trainer reports about the job that it holds. */
      async add(hold: Hold, reported: readonly TrainerEvent[]): Promise<EventBatchReply> {
        let due = false;
        const reply = db.transaction(() => {
          requireHold(db, hold);
          const named = reported.map((event) => ({ ...event, id: newId("event") }));
          due = noteMeasured(db, hold.job, reported);
          return addTrainerEvents(db, { ...hold, events: named }, now());
        });
        signals.wake(hold.job);
        if (due) await rearm();
        return reply;
      },
    },
  }),
});
