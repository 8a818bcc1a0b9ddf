/** Rows of what judges have yet to label, and of the tasks at which they failed. */
import type { TaskType } from "../../../shared/api/labeling.ts";
import type { Database } from "../database.ts";
import type { TaskRecord, TaskRow } from "./label-task-rows.ts";

export const JUDGE_TABLES = [
  `CREATE TABLE IF NOT EXISTS label_judge_failures (
    task TEXT NOT NULL, rater TEXT NOT NULL, project TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (task, rater))`,
];

/** A task that a judge has yet to label. */
export interface UnjudgedTask extends TaskRecord {
  readonly id: string;
  readonly type: TaskType;
}

/**
 * Up to `most` tasks that the judge has not labelled, and how many there are in all: those at which it failed least often first, so
 * that none waits behind tasks that always fail, and among them gold items first.
 */
export function unjudgedTasks(
  db: Database,
  { project, rater, most }: { readonly project: string; readonly rater: string; readonly most: number },
): { tasks: UnjudgedTask[]; left: number } {
  const where = "project = ? AND NOT EXISTS (SELECT 1 FROM labels WHERE task = label_tasks.id AND rater = ?)";
  const { count } = db.get<{ count: number }>(
    `SELECT count(*) AS count FROM label_tasks WHERE ${where}`,
    project,
    rater,
  )!;
  const rows = db.all<TaskRow>(
    `SELECT * FROM label_tasks WHERE ${where}
     ORDER BY coalesce((SELECT times FROM label_judge_failures WHERE task = label_tasks.id AND rater = ?), 0), gold IS NULL, n LIMIT ?`,
    project,
    rater,
    rater,
    most,
  );
  return {
    tasks: rows.map(({ id, type, record }) => ({ id, type, ...(JSON.parse(record) as TaskRecord) })),
    left: count,
  };
}

/** Moves a task behind those at which the judge failed less often. */
export function noteFailure(
  db: Database,
  { project, task, rater }: { readonly project: string; readonly task: string; readonly rater: string },
): void {
  db.run(
    `INSERT INTO label_judge_failures (task, rater, project, times) VALUES (?, ?, ?, 1)
     ON CONFLICT (task, rater) DO UPDATE SET times = times + 1`,
    task,
    rater,
    project,
  );
}
