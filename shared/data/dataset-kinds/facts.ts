import { checkFacts, FactCheck } from "../../edits/check-facts.ts";
import { EditFact } from "../../edits/fact.ts";
import { TrimtabError } from "../../errors.ts";
import { type JsonlOptions, parseJsonl } from "../../formats/jsonl.ts";
import { wordIssue } from "../../issue-words.ts";
import { LIMITS } from "../../limits.ts";
import { isRecord, type RecordPlace, recordError } from "../columns.ts";
import { isMetadata } from "../training-lines.ts";
import type { DatasetKind, KindTally } from "./kind.ts";

/** A fact and the line of the file that states it, counted from 1. */
export interface FactLine {
  readonly line: number;
  readonly fact: EditFact;
}

/**
 * Every fact of a file in memory. Throws `invalid_file` at the first line that is wrong by itself or contradicts an earlier one.
 */
export function parseFacts(bytes: Uint8Array, options: JsonlOptions = {}): FactLine[] {
  const { name: file = "the file" } = options;
  const lines: FactLine[] = [];
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (isMetadata(value, records)) continue;
    lines.push({ line: number, fact: readFact(value, { number, unit: "line", file }) });
    requireFew(lines.length, file);
  }
  const problem = checkFacts(lines.map(({ fact }) => fact));
  if (problem === undefined) return lines;
  throw recordError(
    { number: lines[problem.index]!.line, unit: "line", file },
    `: ${problem.field}: ${problem.problem}`,
    problem.field,
  );
}

/** Reads one record. Throws `invalid_file` with its place, the field and what to change. */
export function readFact(value: unknown, place: RecordPlace): EditFact {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  // Tables have null where a record lacks a column.
  const given = Object.fromEntries(Object.entries(value).filter(([, column]) => column !== null));
  const parsed = EditFact.safeParse(given);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, given);
  throw recordError(place, `: ${field}: ${problem}`, field);
}

function requireFew(count: number, file: string): void {
  if (count <= LIMITS.editFacts) return;
  throw new TrimtabError(
    "invalid_file",
    `${file} has more than ${LIMITS.editFacts} facts; split it into several files`,
  );
}

/** Facts to edit into a model: a prompt that names its subject, and what shall follow it. */
export const facts: DatasetKind = {
  holds: 'facts to edit, {"prompt", "subject", "target_new"}',
  columns: Object.keys(EditFact.shape),
  recognises: (record) => record.subject != null && record.target_new != null,
  read(value, place) {
    const fact = readFact(value, place);
    return {
      examples: [{ kind: "completion", prompt: fact.prompt, completion: fact.target_new }],
      ...{ layout: "fact", ignored: [], trainable: true, fact: { fact, place } },
    };
  },
  tally(): KindTally {
    const check = new FactCheck();
    let count = 0;
    return {
      add(record) {
        const { fact, place } = record.fact!;
        count += 1;
        requireFew(count, place.file);
        const found = check.add(fact);
        if (found !== undefined) throw recordError(place, `: ${found.field}: ${found.problem}`, found.field);
      },
      end() {},
    };
  },
};
