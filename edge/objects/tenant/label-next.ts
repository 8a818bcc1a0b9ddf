/** The choice of the next task of a rater, and what it goes by. */
import type { ProjectSettings } from "../../../shared/api/labeling.ts";
import { shuffled } from "../../../shared/labeling/texts.ts";
import { createRandom } from "../../../shared/random.ts";
import type { Database } from "../database.ts";
import { findHandout, type Handout, type TaskRow } from "./label-task-rows.ts";

/**
 * What finds a rater's next task without looking at every task and label: how many labels each task wants, and indexes of the tasks
 * that want some, of what each rater labelled, and of leases that have not ended. A project counts what it has.
 */
export const NEXT_TABLES = [
  "ALTER TABLE label_projects ADD COLUMN tasks INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE label_projects ADD COLUMN tasks_length INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE label_projects ADD COLUMN labels INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE label_tasks ADD COLUMN missing INTEGER NOT NULL DEFAULT 0",
  `UPDATE label_projects SET
    tasks = (SELECT count(*) FROM label_tasks WHERE project = label_projects.id),
    tasks_length = (SELECT coalesce(sum(length), 0) FROM label_tasks WHERE project = label_projects.id),
    labels = (SELECT count(*) FROM labels WHERE project = label_projects.id)`,
  `UPDATE label_tasks SET missing = max(0,
    (SELECT json_extract(settings, '$.labels_per_task') FROM label_projects WHERE id = label_tasks.project) -
    (SELECT count(*) FROM labels WHERE task = label_tasks.id AND judge = 0 AND answer IS NOT NULL AND superseded_by IS NULL))
   WHERE gold IS NULL`,
  "CREATE INDEX IF NOT EXISTS label_tasks_open ON label_tasks (project, priority DESC, n, id, missing) WHERE missing > 0",
  "CREATE INDEX IF NOT EXISTS labels_of_rater ON labels (project, rater, task, superseded_by) WHERE superseded_by IS NULL",
  "CREATE INDEX IF NOT EXISTS label_handouts_until ON label_handouts (project, until)",
  "DROP INDEX IF EXISTS label_handouts_of_rater",
  "CREATE INDEX IF NOT EXISTS label_handouts_of_rater_until ON label_handouts (project, rater, until)",
];

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
 *
 * @param open how many tasks the rater may be handed
 */
export function handOut(db: Database, asking: Asking, open: number): { task: TaskRow; handout: Handout } | undefined {
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
  if (open === 0) return undefined;
  const ordinary = openTask(db, asking, selectedBy === "random" ? random.below(open) : 0)!;
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

/** Tasks that a rater has labelled. Values: project, rater. */
const LABELLED = "SELECT task FROM labels WHERE project = ? AND rater = ? AND superseded_by IS NULL";

/** Tasks for which others are about to give all labels that are missing. Values: project, now, rater. */
const TAKEN = `SELECT held.task FROM label_handouts AS held JOIN label_tasks AS of ON of.id = held.task
  WHERE held.project = ? AND held.until > ? AND held.rater <> ? AND of.missing > 0 AND
    NOT EXISTS (SELECT 1 FROM labels WHERE labels.task = held.task AND labels.rater = held.rater)
  GROUP BY held.task HAVING count(*) >= of.missing`;

/** Tasks that the rater may be handed now. The lists are made once, and the index has what else is asked of each task. */
const OPEN = `project = ? AND missing > 0 AND id NOT IN (${LABELLED}) AND id NOT IN (${TAKEN})`;

const openValues = ({ project, rater, now }: Asking) => [project, project, rater, project, now, rater] as const;

/** How many tasks the rater may be handed now, the one that they hold included. */
export function openTasks(db: Database, asking: Asking): number {
  return db.get<{ count: number }>(`SELECT count(*) AS count FROM label_tasks WHERE ${OPEN}`, ...openValues(asking))!
    .count;
}

/** The open task at a place in the order of what is to be learned from them, from 0. */
function openTask(db: Database, asking: Asking, place: number): TaskRow | undefined {
  // The texts of a task are read only once it is chosen.
  const chosen = `SELECT id FROM label_tasks WHERE ${OPEN} ORDER BY priority DESC, n LIMIT 1 OFFSET ?`;
  return db.get<TaskRow>(`SELECT * FROM label_tasks WHERE id = (${chosen})`, ...openValues(asking), place);
}

/** Whether some task waits for others' labels that this rater could give if they do not. */
export function othersHold(db: Database, { project, rater }: Asking): boolean {
  const open = `SELECT 1 FROM label_tasks WHERE project = ? AND missing > 0 AND id NOT IN (${LABELLED}) LIMIT 1`;
  return db.get(open, project, project, rater) !== undefined;
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
