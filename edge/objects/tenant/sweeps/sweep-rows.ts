/** Rows of sweeps: the course of each beside the row of its job, its trials as they were planned, and what was measured of them. */

import type { JobStatus } from "../../../../shared/api/job-status.ts";
import type { CreateJob } from "../../../../shared/api/jobs.ts";
import type { Method } from "../../../../shared/api/methods.ts";
import type { BestTrial, ShownTrial, SweepPlace, SweepSettings } from "../../../../shared/api/sweeps.ts";
import type { MeasuredValue } from "../../../../shared/trials/median-rule.ts";
import type { Database } from "../../database.ts";
import type { JobBase } from "../job-base.ts";
import type { JobParent } from "../job-parent.ts";
import { bestOf, type SweepCourse, type TrialCourse } from "./course.ts";

/** A trial before it is a job: checked, and complete. Never changes. */
export interface PlannedTrial {
  /** From 1. */
  readonly trial: number;
  /** The value of each axis by its path. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly request: CreateJob;
  readonly method: Method;
  readonly base: JobBase;
  readonly parent?: JobParent | undefined;
}

export const SWEEP_TABLES = [
  `CREATE TABLE IF NOT EXISTS sweeps (
    n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, course TEXT NOT NULL, base_held INTEGER NOT NULL DEFAULT 0)`,
  "CREATE TABLE IF NOT EXISTS sweep_trials (sweep TEXT NOT NULL, trial INTEGER NOT NULL, plan TEXT NOT NULL, PRIMARY KEY (sweep, trial))",
  `CREATE TABLE IF NOT EXISTS sweep_values (
    sweep TEXT NOT NULL, trial INTEGER NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (sweep, trial, step))`,
];

const ENDED = "('succeeded', 'failed', 'cancelled')";

export function addSweep(db: Database, job: string, { course, trials }: NewSweep): void {
  db.run("INSERT INTO sweeps (job, course) VALUES (?, ?)", job, JSON.stringify(course));
  for (const plan of trials) {
    db.run("INSERT INTO sweep_trials (sweep, trial, plan) VALUES (?, ?, ?)", job, plan.trial, JSON.stringify(plan));
  }
}

export interface NewSweep {
  readonly course: SweepCourse;
  readonly trials: readonly PlannedTrial[];
}

/** The course of a sweep; undefined if the job is none. */
export function sweepCourse(db: Database, job: string): SweepCourse | undefined {
  const row = db.get<{ course: string }>("SELECT course FROM sweeps WHERE job = ?", job);
  return row && (JSON.parse(row.course) as SweepCourse);
}

export function keepSweepCourse(db: Database, job: string, course: SweepCourse): void {
  db.run("UPDATE sweeps SET course = ? WHERE job = ?", JSON.stringify(course), job);
  db.run(`UPDATE jobs SET status = ? WHERE id = ? AND status NOT IN ${ENDED}`, course.status, job);
}

export function plannedTrial(db: Database, sweep: string, trial: number): PlannedTrial {
  const row = db.get<{ plan: string }>("SELECT plan FROM sweep_trials WHERE sweep = ? AND trial = ?", sweep, trial);
  return JSON.parse(row!.plan) as PlannedTrial;
}

/** The sweeps that have not ended, oldest first. */
export function liveSweeps(db: Database): string[] {
  return db
    .all<{ job: string }>(
      `SELECT sweeps.job FROM sweeps JOIN jobs ON jobs.id = sweeps.job WHERE jobs.status NOT IN ${ENDED} ORDER BY sweeps.n`,
    )
    .map(({ job }) => job);
}

/** The place of a trial whose sweep has not ended; undefined for any other job. */
export function liveTrial(db: Database, job: string): SweepPlace | undefined {
  return db.get<SweepPlace>(
    `SELECT json_extract(trial.spec, '$.sweep.job') AS job, json_extract(trial.spec, '$.sweep.trial') AS trial
     FROM jobs AS trial JOIN jobs AS parent ON parent.id = json_extract(trial.spec, '$.sweep.job')
     WHERE trial.id = ? AND parent.status NOT IN ${ENDED}`,
    job,
  );
}

/** Records a value of the sweep's metric; a step that is trained again after a crash gives the same one. */
export function addValue(db: Database, { job, trial }: SweepPlace, { step, value }: MeasuredValue): void {
  db.run("INSERT OR IGNORE INTO sweep_values (sweep, trial, step, value) VALUES (?, ?, ?, ?)", job, trial, step, value);
}

/** What was measured of each trial, in the order of steps; by the trial's number. */
export function valuesOf(db: Database, sweep: string): ReadonlyMap<number, readonly MeasuredValue[]> {
  const values = new Map<number, MeasuredValue[]>();
  const rows = db.all<MeasuredValue & { trial: number }>(
    "SELECT trial, step, value FROM sweep_values WHERE sweep = ? ORDER BY trial, step",
    sweep,
  );
  for (const { trial, step, value } of rows) {
    const own = values.get(trial);
    if (own === undefined) values.set(trial, [{ step, value }]);
    else own.push({ step, value });
  }
  return values;
}

export interface ShownSweep {
  readonly trials: ShownTrial[];
  readonly best: BestTrial | null;
}

/** What the reply for a sweep's job has beside that of any job. */
export function shownSweep(db: Database, job: string, { goal, halving }: SweepSettings): ShownSweep {
  const course = sweepCourse(db, job);
  if (course === undefined) return { trials: [], best: null };
  const plans = db.all<{ settings: string }>(
    "SELECT json_extract(plan, '$.settings') AS settings FROM sweep_trials WHERE sweep = ? ORDER BY trial",
    job,
  );
  const statuses = new Map(
    db
      .all<{ id: string; status: JobStatus }>(
        "SELECT jobs.id, jobs.status FROM json_each(?) AS trial JOIN jobs ON jobs.id = trial.value",
        JSON.stringify(course.trials.flatMap((trial) => trial.job ?? [])),
      )
      .map(({ id, status }) => [id, status]),
  );
  const measured = valuesOf(db, job);
  const trials = course.trials.map((trial, index): ShownTrial => {
    const last = measured.get(index + 1)?.at(-1);
    return {
      trial: index + 1,
      settings: JSON.parse(plans[index]!.settings) as Record<string, unknown>,
      status: shownStatus(trial, trial.job === null ? undefined : statuses.get(trial.job)),
      job: trial.job,
      ...(halving === undefined ? {} : { rung: trial.rung + 1 }),
      steps: last?.step ?? null,
      value: trial.value ?? last?.value ?? null,
      metrics: trial.metrics === null ? null : { ...trial.metrics },
      fine_tuned_model: trial.model,
      reason: trial.reason,
    };
  });
  const best = bestOf(course, goal);
  if (best === undefined) return { trials, best: null };
  const { job: of, model, value } = course.trials[best]!;
  return { trials, best: { trial: best + 1, job: of!, model, value: value! } };
}

function shownStatus({ state, fate }: TrialCourse, status: JobStatus | undefined): ShownTrial["status"] {
  if (fate !== null) return fate;
  return state === "live" && status !== undefined ? status : "waiting";
}

/** The step at which a trial's trainer has to stop; undefined where it goes to the end. */
export function pauseStep(db: Database, place: SweepPlace | undefined): number | undefined {
  const course = place && sweepCourse(db, place.job);
  const trial = course?.trials[place!.trial - 1];
  if (course?.rungs == null || trial === undefined || trial.rung >= course.rungs.length - 1) return undefined;
  return course.rungs[trial.rung];
}
