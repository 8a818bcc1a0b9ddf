import type { Edit, WaitingFact } from "../../shared/api/edits.ts";
import type { EditFact } from "../../shared/edits/fact.ts";
import { type EditConflict, type EditReport, FactReport } from "../../shared/edits/report.ts";
import type { FoundEdit } from "../objects/tenant/edits/edits.ts";
import { parseReport } from "../objects/tenant/edits/measured.ts";
import { storedFacts, storedLines, storedText } from "./edit-facts.ts";

/** An edit with its facts: as the report has them, or as they were sent while there is none. */
export async function answeredEdit(bucket: R2Bucket, found: FoundEdit): Promise<Edit> {
  const { edit, beneath } = found;
  const report = found.report === null ? null : await readReport(bucket, found);
  return {
    ...edit,
    facts: report === null ? await factsWithoutReport(bucket, found) : [...report.facts],
    conflicts: report === null ? [] : report.conflicts.map((conflict) => named(conflict, beneath)),
  };
}

async function readReport(bucket: R2Bucket, { report }: FoundEdit): Promise<EditReport | null> {
  return parseReport(await storedText(bucket, report!));
}

async function factsWithoutReport(bucket: R2Bucket, { edit, facts }: FoundEdit): Promise<Edit["facts"]> {
  if (facts === null) return [];
  if (edit.merged_from !== undefined) {
    return (await storedLines(bucket, facts)).map((line) => FactReport.parse(line));
  }
  return (await storedFacts(bucket, facts)).map(waitingFact);
}

function waitingFact({ prompt, subject, target_new, target_true, kind }: EditFact, index: number): WaitingFact {
  return { index, prompt, subject, target_new, target_true: target_true ?? null, kind, status: "waiting" };
}

/** A trainer knows the deltas on which it solves, the tenant the edits that they are. */
export function named(conflict: EditConflict, beneath: Readonly<Record<string, string>>): EditConflict {
  const { edit } = conflict.with;
  return edit === null ? conflict : { ...conflict, with: { ...conflict.with, edit: beneath[edit] ?? edit } };
}
