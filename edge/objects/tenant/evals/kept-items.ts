/** Completions that were kept, as the items of a run. */
import type { KeptKind } from "../../../../shared/api/kept-completions.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import type { Database } from "../../database.ts";
import { completionOf, type KeptRow } from "../kept-completion-rows.ts";

export interface KeptFilter {
  readonly kind: Extract<KeptKind, "chat" | "response">;
  readonly model?: string | undefined;
  /** Unix seconds, both left out themselves. */
  readonly createdAfter?: number | undefined;
  readonly createdBefore?: number | undefined;
  /** Pairs that a completion must have. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly limit?: number | undefined;
}

/** Completions in memory at a time. */
const AT_ONCE = 20;

/** The completions that fit, newest first: each with what was asked as `item.input`, and its first choice as the sample. */
export function* keptItems(db: Database, filter: KeptFilter): Generator<{ item: unknown; given: unknown }> {
  const { kind, model = null, createdAfter = null, createdBefore = null, limit = LIMITS.evalItems } = filter;
  const pairs = Object.entries(filter.metadata);
  const has = "EXISTS (SELECT 1 FROM json_each(record, '$.metadata') WHERE key = ? AND value = ?)";
  const sampled = (field: string) => `(? IS NULL OR json_extract(record, '$.made.sampling.${field}') = ?)`;
  const [temperature, topP] = [filter.temperature ?? null, filter.topP ?? null];
  const where = [
    ...["kind = ?", "(? IS NULL OR model = ?)", "(? IS NULL OR created_at > ?)", "(? IS NULL OR created_at < ?)"],
    ...[sampled("temperature"), sampled("top_p"), ...pairs.map(() => has)],
  ];
  let left = limit;
  for (let before = Number.MAX_SAFE_INTEGER; left > 0; ) {
    const rows = db.all<KeptRow>(
      `SELECT * FROM kept_completions WHERE ${where.join(" AND ")} AND n < ? ORDER BY n DESC LIMIT ?`,
      ...[kind, model, model, createdAfter, createdAfter, createdBefore, createdBefore],
      ...[temperature, temperature, topP, topP, ...pairs.flat(), before, Math.min(left, AT_ONCE)],
    );
    if (rows.length === 0) return;
    for (const row of rows) yield itemOf(row);
    left -= rows.length;
    before = rows.at(-1)!.n;
  }
}

function itemOf(row: KeptRow): { item: unknown; given: unknown } {
  const { id, created, prompts, choices, made, metadata } = completionOf(row);
  const [prompt] = prompts;
  const input =
    prompt === undefined ? [] : "messages" in prompt ? prompt.messages : [{ role: "user", content: prompt.text }];
  const item = { id, model: made.model, created_at: created, input, metadata };
  const given = {
    model: made.model,
    output_text: choices[0]?.message.content ?? "",
    output_tools: choices[0]?.message.tool_calls ?? [],
    choices: choices.map(({ index, message }) => ({ index, message })),
  };
  return { item, given };
}
