/** Rows of labels. A rater has one label of a task that counts; a later one supersedes it. */

import type { CreateLabel, Label, SelectedBy } from "../../../shared/api/label-work.ts";
import type { LabelAnswer, LabelProject, ProjectSettings } from "../../../shared/api/labeling.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { answerProblem } from "../../../shared/labeling/answers.ts";
import type { LabelledTask } from "../../../shared/labeling/judged.ts";
import type { SummedLabel } from "../../../shared/labeling/summary.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, seconds } from "../database.ts";
import { requireProject } from "./label-project-rows.ts";
import { findHandout, requireTask, type TaskRecord, type TaskRow } from "./label-task-rows.ts";

export interface LabelRow {
  readonly n: number;
  readonly id: string;
  readonly project: string;
  readonly task: string;
  readonly rater: string;
  readonly judge: 0 | 1;
  /** JSON of a `LabelAnswer`; null of a skip. */
  readonly answer: string | null;
  readonly reason: string | null;
  readonly shown: string;
  readonly selected_by: SelectedBy;
  readonly created_at: number;
  readonly superseded_by: string | null;
}

export const LABEL_TABLES = [
  `CREATE TABLE IF NOT EXISTS labels (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, task TEXT NOT NULL, rater TEXT NOT NULL,
    judge INTEGER NOT NULL, answer TEXT, reason TEXT, shown TEXT NOT NULL, selected_by TEXT NOT NULL, created_at INTEGER NOT NULL,
    superseded_by TEXT)`,
  "CREATE INDEX IF NOT EXISTS labels_of_task ON labels (task, rater)",
  "CREATE INDEX IF NOT EXISTS labels_of_project ON labels (project, n)",
];

export interface NewLabel {
  readonly id: string;
  readonly project: string;
  readonly settings: ProjectSettings;
  readonly now: number;
}

/**
 * Stores what a rater says of a task that was handed out to them; after the lease has ended too, since a label is worth more than
 * the order in which it comes.
 *
 * @throws TrimtabError not_found, conflict for a task that was not handed out, invalid_request for an answer that does not fit it
 */
export function addLabel(db: Database, request: CreateLabel, label: NewLabel): Label {
  const { rater, answer, skip } = request;
  const task = requireTask(db, label.project, request.task_id);
  const handout = findHandout(db, task.id, rater);
  if (handout === undefined) {
    const message = `The task ${task.id} was not handed out to ${rater}. GET /v1/labeling/projects/${label.project}/next?rater= hands out tasks.`;
    throw new TrimtabError("conflict", message, { param: "task_id" });
  }
  if (answer !== undefined) requireFit(answer, task, label.settings);
  const { shown, selected_by } = handout;
  return insert(db, label, { task: task.id, rater, judge: 0, answer, reason: skip?.reason, shown, selected_by });
}

function requireFit(answer: LabelAnswer, task: TaskRow, { rating_scale: scale }: ProjectSettings): void {
  const problem = answerProblem(answer, task, scale);
  if (problem === undefined) return;
  const param = `answer.${problem.field}`;
  throw new TrimtabError("invalid_request", `\`${param}\` ${problem.demand}.`, { param });
}

export interface JudgedLabel {
  readonly task: string;
  readonly rater: string;
  readonly answer: LabelAnswer;
  readonly shown: readonly number[];
}

/** Stores a judge's label, unless it has one of the task by now. */
export function addJudgement(db: Database, judged: JudgedLabel, label: NewLabel): boolean {
  requireTask(db, label.project, judged.task);
  if (db.get("SELECT 1 FROM labels WHERE task = ? AND rater = ?", judged.task, judged.rater) !== undefined)
    return false;
  insert(db, label, { ...judged, judge: 1, reason: undefined, selected_by: "random" });
  return true;
}

interface Said {
  readonly task: string;
  readonly rater: string;
  readonly judge: 0 | 1;
  readonly answer: LabelAnswer | undefined;
  readonly reason: string | undefined;
  readonly shown: readonly number[];
  readonly selected_by: SelectedBy;
}

function insert(db: Database, { id, project, settings, now }: NewLabel, said: Said): Label {
  if (requireProject(db, project).labels >= LIMITS.labelsPerProject) {
    throw new TrimtabError(
      "conflict",
      `A project has at most ${LIMITS.labelsPerProject} labels. Go on in another project.`,
    );
  }
  const { task, rater } = said;
  db.run("UPDATE labels SET superseded_by = ? WHERE task = ? AND rater = ? AND superseded_by IS NULL", id, task, rater);
  db.run(
    `INSERT INTO labels (id, project, task, rater, judge, answer, reason, shown, selected_by, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    project,
    task,
    rater,
    said.judge,
    said.answer === undefined ? null : JSON.stringify(said.answer),
    said.reason ?? null,
    JSON.stringify(said.shown),
    said.selected_by,
    seconds(now),
  );
  db.run("UPDATE label_projects SET labels = labels + 1 WHERE id = ?", project);
  db.run(
    `UPDATE label_tasks SET missing = max(0, ? - (SELECT count(*) FROM labels
       WHERE task = label_tasks.id AND judge = 0 AND answer IS NOT NULL AND superseded_by IS NULL))
     WHERE id = ? AND gold IS NULL`,
    settings.labels_per_task,
    task,
  );
  return labelOf(db.get<LabelRow>("SELECT * FROM labels WHERE id = ?", id)!);
}

export function labelOf(row: LabelRow): Label {
  const { id, created_at, task: task_id, rater, answer, reason, selected_by, superseded_by } = row;
  return {
    ...{ id, object: "labeling.label", created_at, task_id, rater, judge: row.judge === 1 },
    answer: answer === null ? null : (JSON.parse(answer) as LabelAnswer),
    skip: reason === null ? null : { reason },
    shown: JSON.parse(row.shown) as number[],
    ...{ selected_by, superseded_by },
  };
}

/** Labels of one stretch for statistics. */
const SUMMED_ROWS = 5000;

/** Labels as statistics read them, newest first, before a place in their order; `next` is where to go on, null at the end. */
export function summedStretch(
  db: Database,
  project: string,
  before: number | null,
): { readonly labels: SummedLabel[]; readonly next: number | null } {
  const rows = db.all<LabelRow & { gold: string | null; again: 0 | 1 }>(
    `SELECT labels.*, label_tasks.gold, label_tasks.gold IS NOT NULL AND EXISTS (
       SELECT 1 FROM labels AS earlier WHERE earlier.task = labels.task AND earlier.rater = labels.rater
       AND earlier.n < labels.n AND earlier.answer IS NOT NULL) AS again
     FROM labels JOIN label_tasks ON label_tasks.id = labels.task
     WHERE labels.project = ? AND labels.n < ? ORDER BY labels.n DESC LIMIT ?`,
    project,
    before ?? Number.MAX_SAFE_INTEGER,
    SUMMED_ROWS,
  );
  const labels = rows.map((row) => ({
    task: row.task,
    rater: row.rater,
    judge: row.judge === 1,
    answer: row.answer === null ? null : (JSON.parse(row.answer) as LabelAnswer),
    reason: row.reason,
    shown: JSON.parse(row.shown) as number[],
    gold: row.gold === null ? null : (JSON.parse(row.gold) as LabelAnswer),
    again: row.again === 1,
    superseded: row.superseded_by !== null,
  }));
  return { labels, next: rows.length < SUMMED_ROWS ? null : rows.at(-1)!.n };
}

export function labelCounts(
  db: Database,
  project: string,
): Pick<LabelProject["counts"], "tasks" | "done" | "gold" | "labels" | "skips"> {
  const tasks = db.get<{ tasks: number; done: number; gold: number }>(
    `SELECT count(*) - count(gold) AS tasks, count(gold) AS gold, coalesce(sum(gold IS NULL AND missing = 0), 0) AS done
     FROM label_tasks WHERE project = ?`,
    project,
  )!;
  const said = db.get<{ labels: number; skips: number }>(
    `SELECT count(answer) AS labels, count(*) - count(answer) AS skips FROM labels
     WHERE project = ? AND judge = 0 AND superseded_by IS NULL`,
    project,
  )!;
  return { ...tasks, ...said };
}

/** Bytes of the tasks that one stretch has, unless a single one has more. */
const STRETCH_BYTES = 4 * (1 << 20);
const STRETCH_ROWS = 200;

/** Tasks after a place in their order with the labels that count, of people or of one judge; gold items are left out. */
export function labelledStretch(
  db: Database,
  { project, judge, after }: { readonly project: string; readonly judge: string | null; readonly after: number },
): { readonly tasks: LabelledTask[]; readonly next: number | null } {
  const sizes = db.all<{ n: number; length: number }>(
    "SELECT n, length FROM label_tasks WHERE project = ? AND gold IS NULL AND n > ? ORDER BY n LIMIT ?",
    project,
    after,
    STRETCH_ROWS,
  );
  let bytes = 0;
  const taken = sizes.filter(({ length }, index) => {
    bytes += length;
    return index === 0 || bytes <= STRETCH_BYTES;
  });
  const last = taken.at(-1);
  if (last === undefined) return { tasks: [], next: null };
  const rows = db.all<TaskRow>(
    "SELECT * FROM label_tasks WHERE project = ? AND gold IS NULL AND n > ? AND n <= ? ORDER BY n",
    project,
    after,
    last.n,
  );
  const counted = "task = ? AND superseded_by IS NULL AND answer IS NOT NULL";
  const tasks = rows.map(({ id, record }): LabelledTask => {
    const labels =
      judge === null
        ? db.all<LabelRow>(`SELECT * FROM labels WHERE ${counted} AND judge = 0 ORDER BY n`, id)
        : db.all<LabelRow>(`SELECT * FROM labels WHERE ${counted} AND rater = ? ORDER BY n`, id, judge);
    const { prompt, texts } = JSON.parse(record) as TaskRecord;
    return {
      ...{ id, project, prompt, texts },
      labels: labels.map((row) => {
        const { answer, shown, rater, selected_by, created_at } = labelOf(row);
        return { id: row.id, rater, answer: answer!, shown, selected_by, created_at };
      }),
    };
  });
  return { tasks, next: last.n };
}
