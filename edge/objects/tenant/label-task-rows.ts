/** Rows of tasks, of whom they were handed out to, and of the choice of the next one. */

import type { KeptPrompt } from "../../../shared/api/kept-completions.ts";
import type { HandedOut, SelectedBy } from "../../../shared/api/label-work.ts";
import type { LabelAnswer, ProjectSettings, SelectionName, TaskText, TaskType } from "../../../shared/api/labeling.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { shuffled } from "../../../shared/labeling/texts.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { createRandom } from "../../../shared/random.ts";
import { type Database, seconds } from "../database.ts";

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
export function addTask(db: Database, project: { readonly id: string; readonly type: TaskType }, task: NewTask): void {
  const { id, place, priority, gold, prompt, texts } = task;
  const record = JSON.stringify({ prompt, texts } satisfies TaskRecord);
  const length = new TextEncoder().encode(record).byteLength;
  if (length > LIMITS.feedbackLength) {
    const message = `The prompt and the texts of a task come to ${length} bytes of JSON, and it may have ${LIMITS.feedbackLength}. Sample shorter texts.`;
    throw new TrimtabError("payload_too_large", message);
  }
  const used = db.get<{ count: number; sum: number }>(
    "SELECT count(*) AS count, coalesce(sum(length), 0) AS sum FROM label_tasks WHERE project = ?",
    project.id,
  )!;
  if (used.count >= LIMITS.labelTasks || used.sum + length > LIMITS.labelTasksLength) {
    const message = `A project has at most ${LIMITS.labelTasks} tasks, and ${LIMITS.labelTasksLength} bytes of them. Go on in another project.`;
    throw new TrimtabError("conflict", message);
  }
  db.run(
    `INSERT INTO label_tasks (id, project, place, type, texts, priority, gold, length, record)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    project.id,
    place,
    project.type,
    texts.length,
    priority,
    gold === null ? null : JSON.stringify(gold),
    length,
    record,
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

/** Whoever asks, and when. */
export interface Asking {
  readonly project: string;
  readonly settings: ProjectSettings;
  readonly rater: string;
  readonly now: number;
}

/**
 * The rater's task: the one that they hold, or the next. A gold item now and then; otherwise, of the tasks that still want labels
 * and that this rater has not labelled, one at random for the random share, and the one with the most to learn from for the rest.
 * undefined where there is none.
 */
export function handOut(db: Database, asking: Asking): { task: TaskRow; handout: Handout } | undefined {
  const { project, settings, rater, now } = asking;
  const held = heldTask(db, asking);
  if (held !== undefined) return { task: held, handout: findHandout(db, held.id, rater)! };
  const { count } = db.get<{ count: number }>(
    "SELECT count(*) AS count FROM label_handouts WHERE project = ? AND rater = ?",
    project,
    rater,
  )!;
  const random = createRandom(settings.seed, "next", project, rater, count);
  const [goldDraw, shareDraw] = [random.float(), random.float()];
  const { by, random_share: share } = settings.selection;
  const selectedBy = by === "random" || shareDraw < share ? "random" : by;
  const ordinary = openTask(db, asking, (open) => (selectedBy === "random" ? random.below(open) : 0), selectedBy);
  if (ordinary === undefined) return undefined;
  const gold = goldDraw < settings.gold_rate ? goldTask(db, asking, (open) => random.below(open)) : undefined;
  const task = gold ?? ordinary;
  const shown = shuffled(
    Array.from({ length: task.texts }, (_, index) => index),
    createRandom(settings.seed, "shown", task.id, rater),
  );
  const handout: Handout = {
    task: task.id,
    rater,
    shown: findHandout(db, task.id, rater)?.shown ?? shown,
    selected_by: gold === undefined ? selectedBy : "gold",
    until: now + settings.lease_seconds * 1000,
  };
  db.run(
    "INSERT OR REPLACE INTO label_handouts (task, rater, project, shown, selected_by, until) VALUES (?, ?, ?, ?, ?, ?)",
    handout.task,
    rater,
    project,
    JSON.stringify(handout.shown),
    handout.selected_by,
    handout.until,
  );
  return { task, handout };
}

const NOT_LABELLED = "NOT EXISTS (SELECT 1 FROM labels WHERE labels.task = label_tasks.id AND labels.rater = ?)";

/** The task whose lease the rater holds. */
function heldTask(db: Database, { project, rater, now }: Asking): TaskRow | undefined {
  return db.get<TaskRow>(
    `SELECT label_tasks.* FROM label_handouts JOIN label_tasks ON label_tasks.id = label_handouts.task
     WHERE label_handouts.project = ? AND label_handouts.rater = ? AND until > ? AND ${NOT_LABELLED} LIMIT 1`,
    project,
    rater,
    now,
    rater,
  );
}

/** Tasks that want more labels than they have and than others are about to give. Values: project, rater, rater, now, wanted. */
const OPEN = `project = ? AND gold IS NULL AND ${NOT_LABELLED} AND
  (SELECT count(*) FROM labels WHERE labels.task = label_tasks.id AND judge = 0 AND answer IS NOT NULL AND superseded_by IS NULL) +
  (SELECT count(*) FROM label_handouts WHERE label_handouts.task = label_tasks.id AND label_handouts.rater <> ? AND until > ? AND
    NOT EXISTS (SELECT 1 FROM labels WHERE labels.task = label_handouts.task AND labels.rater = label_handouts.rater)) < ?`;

function openTask(
  db: Database,
  asking: Asking,
  pick: (open: number) => number,
  selectedBy: SelectedBy,
): TaskRow | undefined {
  const values = openValues(asking);
  const open = openTasks(db, asking);
  if (open === 0) return undefined;
  const order = selectedBy === "random" ? "n" : "priority DESC, n";
  return db.get<TaskRow>(
    `SELECT * FROM label_tasks WHERE ${OPEN} ORDER BY ${order} LIMIT 1 OFFSET ?`,
    ...values,
    pick(open),
  );
}

/** How many tasks the rater may be handed now. */
export function openTasks(db: Database, asking: Asking): number {
  return db.get<{ count: number }>(`SELECT count(*) AS count FROM label_tasks WHERE ${OPEN}`, ...openValues(asking))!
    .count;
}

function openValues({ project, settings, rater, now }: Asking) {
  return [project, rater, rater, now, settings.labels_per_task] as const;
}

/** Whether some task waits for others' labels that this rater could give if they do not. */
export function othersHold(db: Database, asking: Asking): boolean {
  return openTasks(db, { ...asking, now: Number.MAX_SAFE_INTEGER }) > 0;
}

function goldTask(db: Database, { project, rater }: Asking, pick: (open: number) => number): TaskRow | undefined {
  const where = `project = ? AND gold IS NOT NULL AND ${NOT_LABELLED}`;
  const { count } = db.get<{ count: number }>(
    `SELECT count(*) AS count FROM label_tasks WHERE ${where}`,
    project,
    rater,
  )!;
  if (count === 0) return undefined;
  return db.get<TaskRow>(
    `SELECT * FROM label_tasks WHERE ${where} ORDER BY n LIMIT 1 OFFSET ?`,
    project,
    rater,
    pick(count),
  );
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
