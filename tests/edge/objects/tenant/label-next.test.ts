import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { updateSchema } from "../../../../edge/objects/schema.ts";
import {
  type Asking,
  handOut,
  NEXT_TABLES,
  openTasks,
  othersHold,
} from "../../../../edge/objects/tenant/label-next.ts";
import { addProject } from "../../../../edge/objects/tenant/label-project-rows.ts";
import { addLabel, labelCounts } from "../../../../edge/objects/tenant/label-rows.ts";
import { addTask } from "../../../../edge/objects/tenant/label-task-rows.ts";
import { labeling } from "../../../../edge/objects/tenant/labeling.ts";
import { CreateLabelProject, type ProjectSettings } from "../../../../shared/api/labeling.ts";
import { createRandom } from "../../../../shared/random.ts";
import { withDatabase } from "../../support/database.ts";
import { withTenant } from "../../support/tenant-database.ts";

const settingsOf = (wanted: number): ProjectSettings => {
  const sources = [{ model: "m" }];
  const {
    prompts: _,
    gold: __,
    ...settings
  } = CreateLabelProject.parse({
    ...{ name: "n", task: "pairwise", prompts: ["a"], sampling: { sources }, labels_per_task: wanted, gold_rate: 0 },
  });
  return settings;
};

const prompt = { text: "a" };
const texts = ["x", "y"].map((content) => ({ message: { role: "assistant" as const, content }, made: null }));

function givenProject(db: Database, project: string, { tasks, wanted }: { tasks: number; wanted: number }): Asking {
  const settings = settingsOf(wanted);
  addProject(db, project, { settings, prompts: [] }, 0);
  for (let n = 0; n < tasks; n++) {
    addTask(db, project, { id: `${project}-t${n}`, place: n, priority: n % 7, gold: null, prompt, texts });
  }
  return { project, settings, rater: "ada", now: 0 };
}

let labels = 0;
const say = (db: Database, { project, settings, rater, now }: Asking, task: string, skips = false) =>
  addLabel(
    db,
    { rater, task_id: task, ...(skips ? { skip: { reason: "odd" } } : { answer: { type: "tie" as const } }) },
    { id: `label-${labels++}`, project, settings, now },
  );

/** What a look at every task, label and lease finds: in the order of their priority. */
function searched(db: Database, { project, settings, rater, now }: Asking): string[] {
  const counting = "task = ? AND judge = 0 AND answer IS NOT NULL AND superseded_by IS NULL";
  const count = (query: string, ...values: (string | number)[]) => db.get<{ count: number }>(query, ...values)!.count;
  return db
    .all<{ id: string }>(
      "SELECT id FROM label_tasks WHERE project = ? AND gold IS NULL ORDER BY priority DESC, n",
      project,
    )
    .map(({ id }) => id)
    .filter((id) => {
      if (count("SELECT count(*) AS count FROM labels WHERE task = ? AND rater = ?", id, rater) > 0) return false;
      const held = db
        .all<{ rater: string }>("SELECT rater FROM label_handouts WHERE task = ? AND until > ?", id, now)
        .filter(
          (one) =>
            one.rater !== rater &&
            count("SELECT count(*) AS count FROM labels WHERE task = ? AND rater = ?", id, one.rater) === 0,
        );
      const given = count(`SELECT count(*) AS count FROM labels WHERE ${counting}`, id);
      return given + held.length < settings.labels_per_task;
    });
}

describe("open tasks", () => {
  it("are those that a look at every task, label and lease finds", () =>
    withTenant((db) => {
      const random = createRandom(3, "open");
      for (const wanted of [1, 2, 3]) {
        const asking = givenProject(db, `p${wanted}`, { tasks: 12, wanted });
        const raters = ["ada", "bob", "eve", "dan"];
        for (let step = 0, now = 0; step < 60; step++) {
          now += random.below(300_000);
          const by = { ...asking, now, rater: raters[random.below(raters.length)]! };
          const found = searched(db, by);
          expect(openTasks(db, by)).toBe(found.length);
          const mine = db.get<{ id: string }>(
            "SELECT task AS id FROM label_handouts WHERE project = ? AND rater = ? AND until > ? AND task NOT IN (SELECT task FROM labels WHERE rater = ?)",
            ...[by.project, by.rater, now, by.rater],
          );
          const out = handOut(db, by, found.length);
          if (mine === undefined && found.length === 0) expect(out).toBeUndefined();
          else expect(mine === undefined ? found : [mine.id]).toContain(out!.task.id);
          const { n } = db.get<{ n: number }>(
            "SELECT count(*) AS n FROM label_tasks WHERE project = ? AND missing > 0 AND id NOT IN (SELECT task FROM labels WHERE rater = ?)",
            ...[by.project, by.rater],
          )!;
          expect(othersHold(db, by)).toBe(n > 0);
          // Some leases run out.
          if (out !== undefined && random.float() < 0.7) say(db, by, out.task.id, random.float() < 0.3);
          if (out !== undefined && random.float() < 0.2) say(db, { ...by, now: now + 1 }, out.task.id);
        }
      }
    }));

  it("are counted and chosen by an index, which has all that is asked of them", () =>
    withTenant((db) => {
      const seen: string[] = [];
      const watched = {
        run: (query: string, ...values: never[]) => db.run(query, ...values),
        get(query: string, ...values: never[]) {
          seen.push(
            ...db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...values).map(({ detail }) => detail),
          );
          return db.get(query, ...values);
        },
      } as unknown as Database;
      const asking = givenProject(db, "p", { tasks: 50, wanted: 1 });
      const open = openTasks(watched, asking);
      expect(open).toBe(50);
      const out = handOut(watched, asking, open);
      expect(out!.task.priority).toBe(6);
      const scans = seen.filter((detail) => /SCAN (label_tasks|labels|label_handouts)\b/.test(detail));
      expect(scans).toEqual([]);
      expect(seen.filter((detail) => detail.includes("USING COVERING INDEX label_tasks_open")).length).toBe(2);
      expect(seen.filter((detail) => detail.includes("TEMP B-TREE FOR ORDER BY"))).toEqual([]);
    }));
});

it("a tenant from before the counts has them once its tables are up to date", () =>
  withDatabase((db) => {
    const before = labeling.schema.slice(0, labeling.schema.length - NEXT_TABLES.length);
    updateSchema(db, { labeling: { ...labeling, schema: before } });
    db.run("INSERT INTO label_projects (id, created_at, settings) VALUES ('p', 0, ?)", JSON.stringify(settingsOf(2)));
    for (const [id, gold] of [
      ["one", null],
      ["two", null],
      ["three", null],
      ["gold", '{"type":"tie"}'],
    ]) {
      db.run(
        `INSERT INTO label_tasks (id, project, place, type, texts, priority, gold, length, record)
         VALUES (?, 'p', 0, 'pairwise', 2, 0, ?, 10, '{}')`,
        id!,
        gold!,
      );
    }
    for (const [n, [task, rater, answer]] of [
      ["one", "ada", "{}"],
      ["two", "ada", "{}"],
      ["two", "bob", "{}"],
      ["two", "eve", "{}"],
      ["three", "ada", null],
    ].entries()) {
      db.run(
        `INSERT INTO labels (id, project, task, rater, judge, answer, reason, shown, selected_by, created_at)
         VALUES (?, 'p', ?, ?, 0, ?, NULL, '[0,1]', 'random', 0)`,
        ...[`l${n}`, task!, rater!, answer!],
      );
    }
    updateSchema(db, { labeling });
    expect(db.get("SELECT tasks, tasks_length, labels FROM label_projects")).toEqual({
      ...{ tasks: 4, tasks_length: 40, labels: 5 },
    });
    expect(db.all("SELECT id, missing FROM label_tasks ORDER BY n")).toEqual([
      { id: "one", missing: 1 },
      { id: "two", missing: 0 },
      { id: "three", missing: 2 },
      { id: "gold", missing: 0 },
    ]);
    expect(labelCounts(db, "p")).toEqual({ tasks: 3, done: 1, gold: 1, labels: 4, skips: 1 });
  }));
