import type { Usage } from "../../../shared/api/admin.ts";
import type { Database } from "../database.ts";

export const USAGE_TABLE = `CREATE TABLE IF NOT EXISTS usage (
  day TEXT PRIMARY KEY, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
  trained_tokens INTEGER NOT NULL)`;

export interface Used {
  readonly requests?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly trainedTokens?: number;
}

/** Adds to the day's counts (UTC). */
export function addUsage(db: Database, used: Used, now: number): void {
  db.run(
    `INSERT INTO usage (day, requests, prompt_tokens, completion_tokens, trained_tokens) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (day) DO UPDATE SET requests = requests + excluded.requests,
       prompt_tokens = prompt_tokens + excluded.prompt_tokens,
       completion_tokens = completion_tokens + excluded.completion_tokens,
       trained_tokens = trained_tokens + excluded.trained_tokens`,
    new Date(now).toISOString().slice(0, 10),
    used.requests ?? 0,
    used.promptTokens ?? 0,
    used.completionTokens ?? 0,
    used.trainedTokens ?? 0,
  );
}

/** The last 90 days that saw any use, newest first. */
export function usageByDay(db: Database): Usage["days"] {
  return db.all<Usage["days"][number]>("SELECT * FROM usage ORDER BY day DESC LIMIT 90");
}
