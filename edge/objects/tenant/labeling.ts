import type { KeptPrompt } from "../../../shared/api/kept-completions.ts";
import type { CreateLabel, Label, NextTask } from "../../../shared/api/label-work.ts";
import type { LabelAnswer, LabelProject, ProjectSettings, TaskText } from "../../../shared/api/labeling.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import { type ErrorCode, TrimtabError } from "../../../shared/errors.ts";
import type { LabelledTask } from "../../../shared/labeling/judged.ts";
import type { SummedLabel } from "../../../shared/labeling/summary.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { tenantModule } from "./context.ts";
import { JUDGE_TABLES, noteFailure, type UnjudgedTask, unjudgedTasks } from "./label-judge-rows.ts";
import { type Asking, handOut, NEXT_TABLES, openTasks, othersHold } from "./label-next.ts";
import {
  addProject,
  type ClaimedPrompt,
  claimPrompts,
  finishPrompt,
  JUDGE_PREFIX,
  PROJECT_TABLES,
  type ProjectRow,
  promptCounts,
  releasePrompts,
  renewPrompts,
  requireProject,
  requireRater,
  settingsOf,
} from "./label-project-rows.ts";
import {
  addJudgement,
  addLabel,
  type JudgedLabel,
  LABEL_TABLES,
  labelCounts,
  labelledStretch,
  labelOf,
  summedStretch,
} from "./label-rows.ts";
import { addTask, requireTask, shownSelection, shownTask, TASK_TABLES } from "./label-task-rows.ts";

/** A project whose names were checked and whose prompts were read. */
export interface ProjectToCreate {
  readonly settings: ProjectSettings;
  readonly prompts: readonly KeptPrompt[];
  readonly gold: readonly {
    readonly prompt: KeptPrompt;
    readonly texts: readonly TaskText[];
    readonly answer: LabelAnswer;
  }[];
}

/** What a step of sampling made of one prompt; `reason` says why there is no task. */
export interface MadePrompt {
  readonly place: number;
  readonly prompt: KeptPrompt;
  readonly tasks: readonly { readonly texts: readonly TaskText[]; readonly priority: number }[];
  readonly reason: string | null;
}

/** What became of it. */
export interface StoredPrompt {
  /** Whether the step still held the prompt; otherwise another one has it. */
  readonly held: boolean;
  readonly tasks: number;
  readonly reason: string | null;
}

/** What `addTask` throws where a task is too long, and where its project is full. */
const NO_ROOM: readonly ErrorCode[] = ["payload_too_large", "conflict"];

const PROJECT_PARTS = ["label_prompts", "label_tasks", "label_handouts", "labels", "label_judge_failures"] as const;

/** Labelling projects with their prompts, tasks and labels. */
export const labeling = tenantModule({
  schema: [...PROJECT_TABLES, ...TASK_TABLES, ...LABEL_TABLES, ...JUDGE_TABLES, ...NEXT_TABLES],

  open: ({ db, now, newId, requireCreated }) => {
    const shown = (row: ProjectRow): LabelProject => {
      const settings = settingsOf(row);
      const { id, created_at } = row;
      const counts = { prompts: promptCounts(db, id), ...labelCounts(db, id) };
      return { id, object: "labeling.project", created_at, ...settings, counts };
    };
    const newLabel = (project: string) => ({
      id: newId("label"),
      project,
      settings: settingsOf(requireProject(db, project)),
      now: now(),
    });

    const storePrompt = (project: string, claim: string, made: MadePrompt): StoredPrompt =>
      db.transaction(() => {
        const { place, prompt, tasks, reason } = made;
        requireProject(db, project);
        if (!finishPrompt(db, project, { place, claim, reason })) return { held: false, tasks: 0, reason: null };
        for (const { texts, priority } of tasks) {
          addTask(db, project, { id: newId("labelTask"), place, priority, gold: null, prompt, texts });
        }
        return { held: true, tasks: tasks.length, reason };
      });

    return {
      calls: {
        create({ settings, prompts, gold }: ProjectToCreate, key: Idempotency | null): LabelProject {
          requireCreated();
          return db.transaction(() => {
            const id = newId("labelProject");
            addProject(db, id, { settings, prompts }, now());
            for (const { prompt, texts, answer } of gold) {
              addTask(db, id, { id: newId("labelTask"), place: -1, priority: 0, gold: answer, prompt, texts });
            }
            const project = shown(requireProject(db, id));
            settleCreation(db, key, project);
            return project;
          });
        },

        list(page: Page): ListOf<LabelProject> {
          return pageOf(db, { table: "label_projects" }, page, shown);
        },

        get: (id: string): LabelProject => shown(requireProject(db, id)),

        delete(id: string): Deleted {
          db.transaction(() => {
            requireProject(db, id);
            for (const table of PROJECT_PARTS) db.run(`DELETE FROM ${table} WHERE project = ?`, id);
            db.run("DELETE FROM label_projects WHERE id = ?", id);
          });
          return { id, object: "labeling.project", deleted: true };
        },

        /** Prompts for a step of sampling, which has them for a while. */
        claim(project: string, claim: string, most: number): ClaimedPrompt[] {
          return db.transaction(() => {
            requireProject(db, project);
            return claimPrompts(db, project, { claim, most, now: now() });
          });
        },

        /** Stores what a step made of a prompt. Tasks that find no room are none, since they would find none later either. */
        made(project: string, claim: string, made: MadePrompt): StoredPrompt {
          try {
            return storePrompt(project, claim, made);
          } catch (error) {
            if (!(error instanceof TrimtabError) || !NO_ROOM.includes(error.code)) throw error;
            return storePrompt(project, claim, { ...made, tasks: [], reason: error.message });
          }
        },

        renewClaim: (project: string, claim: string): void => renewPrompts(db, project, { claim, now: now() }),

        release: (project: string, claim: string): void => releasePrompts(db, project, claim),

        /** Hands the rater a task; the one they hold already where they ask again. */
        next(project: string, rater: string): NextTask {
          return db.transaction(() => {
            const settings = settingsOf(requireProject(db, project));
            requireRater(settings, rater);
            const asking: Asking = { project, settings, rater, now: now() };
            const open = openTasks(db, asking);
            const found = handOut(db, asking, open);
            const { count: labelled } = db.get<{ count: number }>(
              "SELECT count(*) AS count FROM labels WHERE project = ? AND rater = ? AND superseded_by IS NULL",
              project,
              rater,
            )!;
            const { waiting } = promptCounts(db, project);
            const isLeft = found !== undefined || waiting > 0 || othersHold(db, asking);
            return {
              object: "labeling.next",
              task: found === undefined ? null : shownTask(found.task, found.handout, settings),
              status: found !== undefined ? "task" : isLeft ? "waiting" : "done",
              guidelines: settings.guidelines,
              progress: { labelled, left: open + waiting * settings.tasks_per_prompt },
            };
          });
        },

        label(project: string, request: CreateLabel, key: Idempotency | null): Label {
          return db.transaction(() => {
            const fresh = newLabel(project);
            requireRater(fresh.settings, request.rater);
            const label = addLabel(db, request, fresh);
            // The rater is told no more than when the task was handed out.
            const told = { ...label, selected_by: shownSelection(label.selected_by) };
            settleCreation(db, key, told);
            return told;
          });
        },

        /** Newest first. */
        labels(
          project: string,
          { rater, task_id: task, ...page }: Page & { rater?: string | undefined; task_id?: string | undefined },
        ): ListOf<Label> {
          requireProject(db, project);
          const filters = [
            ["rater = ?", rater],
            ["task = ?", task],
          ].filter((filter): filter is [string, string] => filter[1] !== undefined);
          const where = ["project = ?", ...filters.map(([condition]) => condition)].join(" AND ");
          const values = [project, ...filters.map(([, value]) => value)];
          return pageOf(db, { table: "labels", where, values }, page, labelOf);
        },

        /** Some labels for the project's statistics, newest first, and how many labels it has. */
        summed(project: string, before: number | null): { labels: SummedLabel[]; next: number | null; total: number } {
          const { labels: total } = requireProject(db, project);
          return { ...summedStretch(db, project, before), total };
        },

        /** Tasks that the model has not labelled, and how many there are in all. */
        unjudged(project: string, model: string, most: number): { tasks: UnjudgedTask[]; left: number } {
          requireProject(db, project);
          return unjudgedTasks(db, { project, rater: JUDGE_PREFIX + model, most });
        },

        /** Lets the model have its other tasks before one that it failed at. */
        judgeFailed(project: string, model: string, task: string): void {
          requireTask(db, project, task);
          noteFailure(db, { project, task, rater: JUDGE_PREFIX + model });
        },

        judged: (project: string, label: JudgedLabel): boolean =>
          db.transaction(() => addJudgement(db, label, newLabel(project))),

        /** Some tasks with the labels that count, after a place in their order; gold items are left out. */
        stretch(project: string, judge: string | null, after: number): { tasks: LabelledTask[]; next: number | null } {
          requireProject(db, project);
          const rater = judge === null ? null : JUDGE_PREFIX + judge;
          return labelledStretch(db, { project, judge: rater, after });
        },
      },
    };
  },
});
