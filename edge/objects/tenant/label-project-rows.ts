/** Rows of labelling projects and of their prompts. A prompt waits until its texts were sampled, which one step at a time claims. */

import type { KeptPrompt } from "../../../shared/api/kept-completions.ts";
import type { LabelProject, ProjectSettings } from "../../../shared/api/labeling.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, seconds } from "../database.ts";
import { CLAIM_MS } from "../idempotency.ts";

export interface ProjectRow {
  readonly n: number;
  readonly id: string;
  readonly created_at: number;
  /** JSON of `ProjectSettings`. */
  readonly settings: string;
  /** How many it has, gold items, superseded labels and those of judges included; and the bytes of its tasks. */
  readonly tasks: number;
  readonly tasks_length: number;
  readonly labels: number;
}

export const PROJECT_TABLES = [
  `CREATE TABLE IF NOT EXISTS label_projects (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, settings TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS label_prompts (
    project TEXT NOT NULL, place INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT, claim TEXT, claimed_until INTEGER NOT NULL,
    prompt TEXT NOT NULL, PRIMARY KEY (project, place))`,
];

export interface NewProject {
  readonly settings: ProjectSettings;
  readonly prompts: readonly KeptPrompt[];
}

/** @throws TrimtabError conflict where the tenant has the maximum number of projects */
export function addProject(db: Database, id: string, { settings, prompts }: NewProject, now: number): void {
  const count = db.get<{ count: number }>("SELECT count(*) AS count FROM label_projects")?.count ?? 0;
  if (count >= LIMITS.labelProjects) {
    const message = `A tenant has at most ${LIMITS.labelProjects} labelling projects. Export one, and delete it.`;
    throw new TrimtabError("conflict", message);
  }
  const text = JSON.stringify(settings);
  db.run("INSERT INTO label_projects (id, created_at, settings) VALUES (?, ?, ?)", id, seconds(now), text);
  for (const [place, prompt] of prompts.entries()) {
    db.run(
      "INSERT INTO label_prompts (project, place, state, claimed_until, prompt) VALUES (?, ?, 'waiting', 0, ?)",
      id,
      place,
      JSON.stringify(prompt),
    );
  }
}

/** @throws TrimtabError not_found */
export function requireProject(db: Database, id: string): ProjectRow {
  const row = db.get<ProjectRow>("SELECT * FROM label_projects WHERE id = ?", id);
  if (row !== undefined) return row;
  const message = `There is no labelling project ${JSON.stringify(id)}. GET /v1/labeling/projects lists those there are.`;
  throw new TrimtabError("not_found", message, { param: "project_id" });
}

export function settingsOf(row: ProjectRow): ProjectSettings {
  return JSON.parse(row.settings) as ProjectSettings;
}

/** @throws TrimtabError invalid_request for a rater that the project does not name */
export function requireRater({ raters }: ProjectSettings, rater: string): void {
  if (rater.startsWith(JUDGE_PREFIX)) {
    throw new TrimtabError("invalid_request", `\`rater\` must not begin with ${JUDGE_PREFIX}, as judges do.`, {
      param: "rater",
    });
  }
  if (raters.length === 0 || raters.includes(rater)) return;
  const known = raters.map((name) => JSON.stringify(name)).join(", ");
  const message = `${JSON.stringify(rater)} is no rater of this project; it has ${known}.`;
  throw new TrimtabError("invalid_request", message, { param: "rater" });
}

/** Models label under names that begin so. */
export const JUDGE_PREFIX = "judge:";

export interface ClaimedPrompt {
  readonly place: number;
  readonly prompt: KeptPrompt;
}

/** Prompts that wait and that no other step works on. */
export function claimPrompts(
  db: Database,
  project: string,
  { claim, most, now }: { readonly claim: string; readonly most: number; readonly now: number },
): ClaimedPrompt[] {
  const rows = db.all<{ place: number; prompt: string }>(
    `SELECT place, prompt FROM label_prompts WHERE project = ? AND state = 'waiting' AND claimed_until <= ?
     ORDER BY place LIMIT ?`,
    project,
    now,
    most,
  );
  for (const { place } of rows) {
    const until = now + CLAIM_MS;
    db.run(
      "UPDATE label_prompts SET claim = ?, claimed_until = ? WHERE project = ? AND place = ?",
      claim,
      until,
      project,
      place,
    );
  }
  return rows.map(({ place, prompt }) => ({ place, prompt: JSON.parse(prompt) as KeptPrompt }));
}

/** Lets a step go on that takes long. Prompts that another step has taken over stay with that one. */
export function renewPrompts(
  db: Database,
  project: string,
  { claim, now }: { readonly claim: string; readonly now: number },
): void {
  db.run(
    "UPDATE label_prompts SET claimed_until = ? WHERE project = ? AND claim = ? AND state = 'waiting'",
    now + CLAIM_MS,
    project,
    claim,
  );
}

/** Whether the claim still holds, in which case the prompt is done with. `reason`: why it made no task. */
export function finishPrompt(
  db: Database,
  project: string,
  { place, claim, reason }: { readonly place: number; readonly claim: string; readonly reason: string | null },
): boolean {
  return (
    db.change(
      "UPDATE label_prompts SET state = ?, reason = ?, claim = NULL WHERE project = ? AND place = ? AND claim = ? AND state = 'waiting'",
      reason === null ? "made" : "skipped",
      reason,
      project,
      place,
      claim,
    ) > 0
  );
}

/** Lets other steps have what a step claimed and did not finish. */
export function releasePrompts(db: Database, project: string, claim: string): void {
  db.run("UPDATE label_prompts SET claim = NULL, claimed_until = 0 WHERE project = ? AND claim = ?", project, claim);
}

export function promptCounts(db: Database, project: string): LabelProject["counts"]["prompts"] {
  const rows = db.all<{ state: "waiting" | "made" | "skipped"; count: number }>(
    "SELECT state, count(*) AS count FROM label_prompts WHERE project = ? GROUP BY state",
    project,
  );
  return { waiting: 0, made: 0, skipped: 0, ...Object.fromEntries(rows.map(({ state, count }) => [state, count])) };
}
