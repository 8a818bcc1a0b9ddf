/** The files of a job: what it trains on, and what its owner reads. Pure functions of the records. */
import type { TrainingMessage } from "../../../shared/data/example.ts";
import { LIMITS } from "../../../shared/limits.ts";
import type { KeptFile } from "../recipe.ts";
import { promptAsText } from "./prompts.ts";
import { finalText, type JobRecord, type LabelledPair, type Part, type RevisedReply } from "./records.ts";

const jsonl = (lines: readonly object[]): Uint8Array =>
  new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));

export const revised = (records: readonly JobRecord[]): RevisedReply[] =>
  records.filter((record) => record.kind === "revised");
export const labelled = (records: readonly JobRecord[]): LabelledPair[] =>
  records.filter((record) => record.kind === "labelled");

/** What is trained on, as the lines of a file of that part; none without a usable record. */
export function trainingLines(records: readonly JobRecord[], part: Part): object[] {
  const own = records.filter((record) => record.part === part);
  return own.flatMap((record) => (record.kind === "revised" ? imitated(record) : preferred(record)));
}

export const trainingFile = (lines: readonly object[]): Uint8Array => jsonl(lines);

function imitated(record: RevisedReply): object[] {
  const { prompt, tools } = record;
  const content = finalText(record);
  if (content === null) return [];
  if (typeof prompt === "string") return [{ prompt, completion: content }];
  // Only the revision is imitated, not what the assistant says in the prompt.
  const before = prompt.map((turn): TrainingMessage => (turn.role === "assistant" ? { ...turn, weight: 0 } : turn));
  return [{ messages: [...before, { role: "assistant", content }], ...(tools === undefined ? {} : { tools }) }];
}

function preferred({ prompt, tools, a, b, better }: LabelledPair): object[] {
  if (better === null) return [];
  const [chosen, rejected] = better === "a" ? [a, b] : [b, a];
  return [{ prompt, chosen, rejected, ...(tools === undefined ? {} : { tools }) }];
}

/** The files that the job keeps. */
export function keptFiles(records: readonly JobRecord[]): KeptFile[] {
  const replies = revised(records);
  const pairs = labelled(records);
  const files: KeptFile[] = [];
  if (replies.length > 0) {
    files.push({ name: "critiques.jsonl", bytes: jsonl(replies.flatMap(critiques)) });
    files.push({ name: "revisions.jsonl", bytes: jsonl(replies.flatMap(revisions)) });
  }
  if (pairs.length > 0) files.push({ name: "labels.jsonl", bytes: jsonl(pairs.map(label)) });
  const text = [TITLE, ...replies.map(replyText), ...pairs.map(pairText)].join("\n");
  return [...files, { name: "transcript.md", bytes: new TextEncoder().encode(text) }];
}

/** A file, in parts of whole lines where it is larger than one file may be: `labels.jsonl`, `labels-2.jsonl`, … */
export function inParts({ name, bytes }: KeptFile, most: number = LIMITS.keptFile): KeptFile[] {
  const dot = name.lastIndexOf(".");
  const parts: KeptFile[] = [];
  for (let from = 0; from < bytes.length || parts.length === 0; ) {
    const end = from + most;
    const lineEnd = end >= bytes.length ? bytes.length : bytes.lastIndexOf(NEWLINE, end - 1) + 1;
    const to = lineEnd > from ? lineEnd : end;
    const place = parts.length === 0 ? "" : `-${parts.length + 1}`;
    parts.push({ name: `${name.slice(0, dot)}${place}${name.slice(dot)}`, bytes: bytes.subarray(from, to) });
    from = to;
  }
  return parts;
}

const NEWLINE = 0x0a;

/** The replies as they were before each round, with what the judge said of them. */
function critiques({ part, line, sample, prompt, reply, rounds }: RevisedReply): object[] {
  let text = reply;
  return rounds.map(({ principle, critique = null, before = null, problem = null, revision }, at) => {
    const entry = { part, line, sample, round: at + 1, principle, prompt, reply: text, critique, score: before };
    text = revision ?? text;
    return { ...entry, problem: critique === null && before === null ? problem : null };
  });
}

function revisions({ part, line, sample, prompt, reply, rounds }: RevisedReply): object[] {
  let text = reply;
  return rounds.map(({ principle, before, after, candidates, problem = null, revision }, at) => {
    const scores = after === undefined && before === undefined ? {} : { scores: { before, after } };
    const chosen = candidates === undefined ? {} : { candidates };
    const place = { part, line, sample, round: at + 1, principle, prompt };
    const entry = { ...place, before: text, after: revision, ...scores, ...chosen, problem };
    text = revision ?? text;
    return entry;
  });
}

function label({ kind: _, tools: _tools, ...record }: LabelledPair): object {
  return record;
}

const TITLE = "# What was written and how it was judged\n";
const quoted = (text: string) => text.replaceAll(/^/gm, "> ");
const rounded = (value: number | undefined) => (value === undefined ? "none" : String(Math.round(1000 * value) / 1000));

function replyText(record: RevisedReply): string {
  const { part, line, sample, reply, ended, rounds } = record;
  const parts = [
    `## Line ${line} of the ${part} file, reply ${sample + 1}\n`,
    `**Prompt**\n\n${quoted(promptAsText(record))}\n`,
    `**Reply**${ended ? "" : " (cut)"}\n\n${quoted(reply)}\n`,
  ];
  for (const [at, { principle, critique, before, after, candidates, revision, problem }] of rounds.entries()) {
    parts.push(`**Round ${at + 1}**, principle: ${principle}\n`);
    if (critique !== undefined) parts.push(`Critique:\n\n${quoted(critique)}\n`);
    if (candidates !== undefined) {
      parts.push(
        `Score before: ${rounded(before)}; after, the best of ${candidates.length} more replies: ${rounded(after)}\n`,
      );
    }
    if (revision === null) parts.push(`No revision: ${problem ?? "unknown"}\n`);
    else parts.push(`Revision:\n\n${quoted(revision)}\n`);
  }
  return parts.join("\n");
}

function pairText(record: LabelledPair): string {
  const { part, line, pair, a, b, principle, scores, probabilities, better, none, problem } = record;
  const parts = [
    `## Line ${line} of the ${part} file, pair ${pair + 1}\n`,
    `**Prompt**\n\n${quoted(promptAsText(record))}\n`,
    `**A**\n\n${quoted(a)}\n`,
    `**B**\n\n${quoted(b)}\n`,
    `**Principle**: ${principle}\n`,
  ];
  if (scores !== undefined) parts.push(`Scores: A ${rounded(scores.a)}, B ${rounded(scores.b)}\n`);
  if (probabilities !== undefined) {
    const { a_first, b_first, mean } = probabilities;
    const orders = `${rounded(a_first)} with A shown first, ${rounded(b_first)} with B shown first`;
    parts.push(`Probability that A is better: ${orders}, ${rounded(mean)} in the mean\n`);
  }
  const why = [none, problem].filter((text) => text !== undefined).join(": ");
  parts.push(better === null ? `Neither is better: ${why}\n` : `Better: ${better.toUpperCase()}\n`);
  return parts.join("\n");
}
