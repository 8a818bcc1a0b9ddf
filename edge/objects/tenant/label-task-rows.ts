/** Rows of tasks, and of whom they were handed out to. */
import type { KeptPrompt } from "../../../shared/api/kept-completions.ts";
import type { HandedOut, SelectedBy } from "../../../shared/api/label-work.ts";
import type { LabelAnswer, ProjectSettings, SelectionName, TaskText, TaskType } from "../../../shared/api/labeling.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, seconds } from "../database.ts";
import { requireProject, settingsOf } from "./label-project-rows.ts";

export interface TaskRow {
  readonly n: number;
  readonly id: string;
  readonly project: string;
  /** Of its prompt among the project's; −1 of a gold item. */
  readonly place: number;
  readonly type: TaskType;
  /** How many texts it has. */
  readonly texts: number;
  /** The higher, the sooner it is handed out. */
  readonly priority: number;
  /** JSON of the right answer; null of an ordinary task. */
  readonly gold: string | null;
  /** Bytes of `record`. Before it in the row, so that summing them up reads no texts. */
  readonly length: number;
  /** JSON of a `TaskRecord`. */
  readonly record: string;
  /** Labels of people that it wants beyond those that count; 0 of a gold item, and where it has enough. */
  readonly missing: number;
}

export interface TaskRecord {
  readonly prompt: KeptPrompt;
  readonly texts: readonly TaskText[];
}

export const TASK_TABLES = [
  `CREATE TABLE IF NOT EXISTS label_tasks (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, place INTEGER NOT NULL, type TEXT NOT NULL,
    texts INTEGER NOT NULL, priority REAL NOT NULL, gold TEXT, length INTEGER NOT NULL, record TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS label_tasks_of_project ON label_tasks (project, priority)",
  `CREATE TABLE IF NOT EXISTS label_handouts (
    task TEXT NOT NULL, rater TEXT NOT NULL, project TEXT NOT NULL, shown TEXT NOT NULL, selected_by TEXT NOT NULL,
    until INTEGER NOT NULL, PRIMARY KEY (task, rater))`,
  "CREATE INDEX IF NOT EXISTS label_handouts_of_rater ON label_handouts (project, rater)",
];

export interface NewTask extends TaskRecord {
  readonly id: string;
  readonly place: number;
  readonly priority: number;
  readonly gold: LabelAnswer | null;
}

/** @throws TrimtabError conflict where the project has no room for more, payload_too_large for texts that are too long */
export function addTask(db: Database, project: string, task: NewTask): void {
  const { id, place, priority, gold, prompt, texts } = task;
  const record = JSON.stringify({ prompt, texts } satisfies TaskRecord);
  const length = new TextEncoder().encode(record).byteLength;
  if (length > LIMITS.feedbackLength) {
    const message = `The prompt and the texts of a task come to ${length} bytes of JSON, and it may have ${LIMITS.feedbackLength}. Sample shorter texts.`;
    throw new TrimtabError("payload_too_large", message);
  }
  const row = requireProject(db, project);
  if (row.tasks >= LIMITS.labelTasks || row.tasks_length + length > LIMITS.labelTasksLength) {
    const message = `A project has at most ${LIMITS.labelTasks} tasks, and ${LIMITS.labelTasksLength} bytes of them. Go on in another project.`;
    throw new TrimtabError("conflict", message);
  }
  const { task: type, labels_per_task: wanted } = settingsOf(row);
  db.run("UPDATE label_projects SET tasks = tasks + 1, tasks_length = tasks_length + ? WHERE id = ?", length, project);
  db.run(
    `INSERT INTO label_tasks (id, project, place, type, texts, priority, gold, length, record, missing)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    project,
    place,
    type,
    texts.length,
    priority,
    gold === null ? null : JSON.stringify(gold),
    length,
    record,
    gold === null ? wanted : 0,
  );
}

/** @throws TrimtabError not_found */
export function requireTask(db: Database, project: string, id: string): TaskRow {
  const row = db.get<TaskRow>("SELECT * FROM label_tasks WHERE id = ? AND project = ?", id, project);
  if (row !== undefined) return row;
  const message = `The project has no task ${JSON.stringify(id)}. GET /v1/labeling/projects/${project}/next hands one out.`;
  throw new TrimtabError("not_found", message, { param: "task_id" });
}

export interface Handout {
  readonly task: string;
  readonly rater: string;
  readonly shown: readonly number[];
  readonly selected_by: SelectedBy;
  /** Milliseconds. */
  readonly until: number;
}

interface HandoutRow extends Omit<Handout, "shown"> {
  readonly shown: string;
}

export function findHandout(db: Database, task: string, rater: string): Handout | undefined {
  const row = db.get<HandoutRow>("SELECT * FROM label_handouts WHERE task = ? AND rater = ?", task, rater);
  return row && { ...row, shown: JSON.parse(row.shown) as number[] };
}

/** What a rater sees of a task. */
export function shownTask(task: TaskRow, handout: Handout, settings: ProjectSettings): HandedOut {
  const { prompt, texts } = JSON.parse(task.record) as TaskRecord;
  return {
    id: task.id,
    type: task.type,
    prompt,
    texts: handout.shown.map((index) => ({ index, message: texts[index]!.message })),
    rating_scale: task.type === "rating" ? settings.rating_scale : null,
    selected_by: shownSelection(handout.selected_by),
    lease_expires_at: seconds(handout.until),
  };
}

/** How a task was selected, as its rater sees it: nothing tells them that it is a gold item. */
export function shownSelection(by: SelectedBy): SelectionName {
  return by === "gold" ? "random" : by;
}
