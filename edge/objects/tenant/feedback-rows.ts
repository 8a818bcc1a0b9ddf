/**
 * Rows of verdicts on kept completions. A row holds copies of what was judged, so that it outlives the completions. A named rater
 * has one verdict on the same texts that counts: a later one supersedes it.
 */
import type { CreateFeedback, Feedback, FeedbackFilter, JudgedAnswer } from "../../../shared/api/feedback.ts";
import { namedTexts } from "../../../shared/api/feedback.ts";
import type { KeptCompletion, KeptPrompt } from "../../../shared/api/kept-completions.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { formatPath } from "../../../shared/issue-words.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, type SqlValue, seconds } from "../database.ts";
import { completionOf, requireKept } from "./kept-completion-rows.ts";

export interface FeedbackRow {
  readonly n: number;
  readonly id: string;
  readonly created_at: number;
  readonly verdict: Feedback["verdict"]["type"];
  readonly rater: string | null;
  /** Which texts were judged in which way, whatever was said of them. */
  readonly subject: string;
  readonly superseded_by: string | null;
  /** Bytes of `record`. Before it in the row, so that summing them up reads no texts. */
  readonly length: number;
  /** JSON of a `FeedbackRecord`. */
  readonly record: string;
}

type FeedbackRecord = Pick<Feedback, "verdict" | "comment" | "metadata" | "prompt" | "answers">;

export const FEEDBACK_TABLES = [
  `CREATE TABLE IF NOT EXISTS feedback (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, verdict TEXT NOT NULL, rater TEXT,
    subject TEXT NOT NULL, superseded_by TEXT, length INTEGER NOT NULL, record TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS feedback_of_rater ON feedback (rater, subject) WHERE rater IS NOT NULL",
  `CREATE TABLE IF NOT EXISTS feedback_texts (
    feedback TEXT NOT NULL, completion TEXT NOT NULL, choice INTEGER NOT NULL, model TEXT NOT NULL,
    PRIMARY KEY (feedback, completion, choice))`,
  "CREATE INDEX IF NOT EXISTS feedback_of_completion ON feedback_texts (completion)",
];

/**
 * Stores a verdict with copies of what it judges.
 *
 * @throws TrimtabError not_found for a completion that was not kept, invalid_request for a choice that there is not and for texts
 *   of different prompts, conflict where the tenant has no room for more.
 */
export function addFeedback(db: Database, id: string, request: CreateFeedback, now: number): Feedback {
  const judged = judgedTexts(db, request);
  const { verdict, prompt, answers } = judged;
  const { rater = null, comment = null, metadata = {} } = request;
  const record: FeedbackRecord = { verdict, comment, metadata, prompt, answers };
  const text = JSON.stringify(record);
  const length = requireRoom(db, text);
  const subject = subjectOf(verdict.type, answers);
  if (rater !== null) {
    db.run(
      "UPDATE feedback SET superseded_by = ? WHERE rater = ? AND subject = ? AND superseded_by IS NULL",
      id,
      rater,
      subject,
    );
  }
  db.run(
    "INSERT INTO feedback (id, created_at, verdict, rater, subject, length, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
    id,
    seconds(now),
    verdict.type,
    rater,
    subject,
    length,
    text,
  );
  for (const { completion_id: completion, choice, made } of answers) {
    db.run("INSERT INTO feedback_texts VALUES (?, ?, ?, ?)", id, completion, choice, made.model);
  }
  return feedbackOf(requireFeedback(db, id));
}

/** A tie of two texts, and a preference between them, are verdicts on the same. */
function subjectOf(type: Feedback["verdict"]["type"], answers: readonly JudgedAnswer[]): string {
  const how = type === "thumbs" || type === "rating" ? type : "comparison";
  return JSON.stringify([how, ...answers.map(({ completion_id, choice }) => `${completion_id} ${choice}`).sort()]);
}

function requireRoom(db: Database, record: string): number {
  const length = new TextEncoder().encode(record).byteLength;
  if (length > LIMITS.feedbackLength) {
    const message = `The texts of this verdict come to ${length} bytes of JSON, and at most ${LIMITS.feedbackLength} are kept. Judge fewer texts at once.`;
    throw new TrimtabError("payload_too_large", message, { param: "verdict" });
  }
  const used = db.get<{ count: number; sum: number }>(
    "SELECT count(*) AS count, coalesce(sum(length), 0) AS sum FROM feedback",
  )!;
  if (used.count >= LIMITS.feedback || used.sum + length > LIMITS.feedbackTotalLength) {
    const message = `A tenant has at most ${LIMITS.feedback} verdicts, and ${LIMITS.feedbackTotalLength} bytes of them. Export them, and delete some.`;
    throw new TrimtabError("conflict", message);
  }
  return length;
}

interface Judged extends Pick<Feedback, "verdict" | "answers" | "prompt"> {}

/** Looks up each text that a verdict names; they must answer one prompt. */
function judgedTexts(db: Database, request: CreateFeedback): Judged {
  const { verdict } = request;
  const known = new Map<string, KeptCompletion>();
  const found = (ref: { completion_id?: string | undefined; choice: number }, at: readonly (string | number)[]) => {
    const id = ref.completion_id ?? request.completion_id!;
    const idParam = ref.completion_id === undefined ? "completion_id" : formatPath([...at, "completion_id"]);
    const completion = known.get(id) ?? completionOf(requireKept(db, id, idParam));
    known.set(id, completion);
    return textOf(completion, ref.choice, formatPath([...at, "choice"]));
  };
  if (verdict.type === "thumbs" || verdict.type === "rating") {
    const { answer, prompt } = found({ choice: request.choice ?? 0 }, []);
    return { verdict, prompt, answers: [answer] };
  }
  const texts = namedTexts(verdict).map(({ ref, path }) => ({ ...found(ref, path), path }));
  const [first] = texts;
  const asked = JSON.stringify(first!.prompt);
  const other = texts.find(({ prompt }) => JSON.stringify(prompt) !== asked);
  if (other !== undefined) {
    const message = `\`${formatPath(other.path)}\` answers another prompt than the first text. Compare texts that answer the same one.`;
    throw new TrimtabError("invalid_request", message, { param: formatPath(other.path) });
  }
  const answers = texts.map(({ answer }) => answer);
  const refs = answers.map(({ completion_id, choice }) => ({ completion_id, choice }));
  return { verdict: resolved(verdict.type, refs), prompt: first!.prompt, answers };
}

function resolved(
  type: "preference" | "ranking" | "tie",
  refs: { completion_id: string; choice: number }[],
): Feedback["verdict"] {
  if (type === "preference") return { type, better: refs[0]!, worse: refs[1]! };
  return type === "ranking" ? { type, order: refs } : { type, texts: refs };
}

function textOf(
  completion: KeptCompletion,
  choice: number,
  param: string,
): { answer: JudgedAnswer; prompt: KeptPrompt } {
  const made = completion.choices.find(({ index }) => index === choice);
  const prompt = completion.prompts[Math.floor(choice / completion.perPrompt)];
  if (made === undefined || prompt === undefined) {
    const message = `The completion ${completion.id} has no choice ${choice}; it has ${completion.choices.length}, counted from 0.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  return { prompt, answer: { completion_id: completion.id, choice, message: made.message, made: completion.made } };
}

/** @throws TrimtabError not_found */
export function requireFeedback(db: Database, id: string): FeedbackRow {
  const row = db.get<FeedbackRow>("SELECT * FROM feedback WHERE id = ?", id);
  if (row !== undefined) return row;
  const message = `There is no feedback ${JSON.stringify(id)}. GET /v1/feedback lists what there is.`;
  throw new TrimtabError("not_found", message, { param: "feedback_id" });
}

export function feedbackOf(row: FeedbackRow): Feedback {
  const { verdict, comment, metadata, prompt, answers } = JSON.parse(row.record) as FeedbackRecord;
  const { id, created_at, rater, superseded_by } = row;
  return { id, object: "feedback", created_at, verdict, rater, comment, metadata, superseded_by, prompt, answers };
}

/** A verdict that the deleted one superseded counts again. */
export function dropFeedback(db: Database, id: string): void {
  const { superseded_by } = requireFeedback(db, id);
  db.run("UPDATE feedback SET superseded_by = ? WHERE superseded_by = ?", superseded_by, id);
  db.run("DELETE FROM feedback_texts WHERE feedback = ?", id);
  db.run("DELETE FROM feedback WHERE id = ?", id);
}

export interface Condition {
  readonly where: string;
  readonly values: readonly SqlValue[];
}

/** The rows that a filter lets through. */
export function conditionOf(filter: FeedbackFilter): Condition {
  const parts: readonly (readonly [where: string, ...values: readonly (SqlValue | undefined)[]])[] = [
    ["EXISTS (SELECT 1 FROM feedback_texts WHERE feedback = feedback.id AND completion = ?)", filter.completion_id],
    ["rater = ?", filter.rater],
    ["verdict = ?", filter.verdict],
    ["EXISTS (SELECT 1 FROM feedback_texts WHERE feedback = feedback.id AND model = ?)", filter.model],
    ["created_at > ?", filter.created_after],
    ["created_at < ?", filter.created_before],
    ...(filter.scale === undefined
      ? []
      : ([[`verdict = 'rating' AND ${SCALE} = ?`, JSON.stringify([filter.scale.min, filter.scale.max])]] as const)),
  ];
  const asked = parts.filter(([, ...values]) => !values.includes(undefined));
  return {
    where: asked.map(([where]) => where).join(" AND ") || "1",
    values: asked.flatMap(([, ...values]) => values as SqlValue[]),
  };
}

/** A rating's scale as JSON of its ends. */
const SCALE = "json_array(json_extract(record, '$.verdict.scale.min'), json_extract(record, '$.verdict.scale.max'))";

/** The scales of the ratings that a filter lets through, as texts. */
export function scalesOf(db: Database, { where, values }: Condition): string[] {
  const rows = db.all<{ scale: string }>(
    `SELECT DISTINCT ${SCALE} AS scale FROM feedback WHERE verdict = 'rating' AND superseded_by IS NULL AND ${where} LIMIT 5`,
    ...values,
  );
  return rows.map(({ scale }) => scale);
}

/** Bytes of the verdicts that one stretch has, unless a single one has more. */
const STRETCH_BYTES = 4 * (1 << 20);
const STRETCH_ROWS = 500;

/** Verdicts after a place in the order of their creation that count and that a filter lets through; empty at the end. */
export function stretchOf(db: Database, { where, values }: Condition, after: number): FeedbackRow[] {
  const sizes = db.all<{ n: number; length: number }>(
    `SELECT n, length FROM feedback WHERE superseded_by IS NULL AND ${where} AND n > ? ORDER BY n LIMIT ?`,
    ...values,
    after,
    STRETCH_ROWS,
  );
  let bytes = 0;
  const taken = sizes.filter(({ length }, index) => {
    bytes += length;
    return index === 0 || bytes <= STRETCH_BYTES;
  });
  const last = taken.at(-1);
  if (last === undefined) return [];
  return db.all<FeedbackRow>(
    `SELECT * FROM feedback WHERE superseded_by IS NULL AND ${where} AND n > ? AND n <= ? ORDER BY n`,
    ...values,
    after,
    last.n,
  );
}
