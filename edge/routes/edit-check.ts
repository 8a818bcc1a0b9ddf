import type { Context } from "hono";
import type { CheckEdits, EditCheck } from "../../shared/api/edits.ts";
import type { MethodOf } from "../../shared/api/methods.ts";
import { waitMs } from "../../shared/api/wait.ts";
import { checkFacts, factProblem } from "../../shared/edits/check-facts.ts";
import type { EditFact } from "../../shared/edits/fact.ts";
import type { EditConflict } from "../../shared/edits/report.ts";
import { type EarlierFact, textualConflicts } from "../../shared/edits/textual-conflicts.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { heapLimitBytes } from "../env.ts";
import type { FoundEdit } from "../objects/tenant/edits/edits.ts";
import { parseReport } from "../objects/tenant/edits/measured.ts";
import { ownError } from "../objects/tenant/edits/own-error.ts";
import type { AppEnv } from "./app-env.ts";
import { awaitJob } from "./await-job.ts";
import { answeredEdit, named } from "./edit-answer.ts";
import { storedText, withStoredFacts } from "./edit-facts.ts";
import { checkEditMethod, type EditTarget, editTarget, servedOptions } from "./edit-target.ts";

/** Looks for conflicts: in the texts at once, and by a trainer between the facts' keys, within `wait`. */
export async function checkAgainstEarlier(c: Context<AppEnv>, request: CheckEdits): Promise<EditCheck> {
  for (const [index, fact] of request.facts.entries()) requireSound(fact, index);
  const tenant = c.var.caller.object;
  const serving = { blobs: c.env.BLOBS, heapLimitBytes: heapLimitBytes(c.env) };
  const target = await editTarget(tenant, serving, request);
  const before = await tenant.edits.withDeltas(target.stack.map(({ artefact }) => artefact));
  const earlier: EarlierFact[] = [];
  for (const found of before) earlier.push(...(await factsOf(c, found)));
  const conflicts = textualConflicts(request.facts, earlier);
  const none = { object: "edit.check", model: request.model, conflicts, keys: "not_compared", error: null } as const;
  // Facts that contradict each other are no file that a trainer takes; that they do is known by now.
  if (waitMs(request.wait) === 0 || checkFacts(request.facts) !== undefined) return none;
  const job = await startCheck(c, request, target);
  try {
    if (!(await awaitJob(tenant, job, waitMs(request.wait)))) {
      await tenant.jobs.cancel(job).catch(ignoreEnded);
      return none;
    }
    const { error } = await tenant.jobs.get(job);
    if (error !== null) return { ...none, error: ownError(error) };
    const source = await tenant.edits.report(job);
    const report = source === null ? null : parseReport(await storedText(c.env.BLOBS, source));
    if (report === null) return none;
    const beneath = Object.fromEntries(before.map(({ edit }) => [edit.delta!, edit.id]));
    const measured = report.conflicts.map((conflict) => named(conflict, beneath));
    return { ...none, conflicts: joined(conflicts, measured), keys: "compared" };
  } finally {
    await tenant.edits.dropReport(job);
  }
}

function requireSound(fact: EditFact, index: number): void {
  const found = factProblem(fact);
  if (found === undefined) return;
  const param = `facts[${index}].${found.field}`;
  throw new TrimtabError("invalid_request", `\`${param}\` ${found.problem}.`, { param });
}

/** The facts that an edit has changed. */
async function factsOf(c: Context<AppEnv>, found: FoundEdit): Promise<EarlierFact[]> {
  const { id, facts } = await answeredEdit(c.env.BLOBS, found);
  return facts
    .filter(({ status }) => status === "edited")
    .map(({ index, prompt, subject, target_new }) => ({ edit: id, fact: index, prompt, subject, target_new }));
}

async function startCheck(c: Context<AppEnv>, request: CheckEdits, target: EditTarget): Promise<string> {
  const tenant = c.var.caller.object;
  const { base, stack, config } = target;
  const on = stack.map(({ artefact: id, weight }) => ({ id, weight }));
  const options = servedOptions(request.options, target);
  const method: MethodOf<"edit"> = { type: "edit", edit: { method: "auto", options, on, check_only: true } };
  checkEditMethod(method, config);
  const asked = {
    ...({ kind: "check", model: request.model, base, stack, method } as const),
    ...{ statisticsFile: request.statistics_file ?? null, seed: null, suffix: null, metadata: null },
  };
  const { job } = await withStoredFacts(tenant, c.env.BLOBS, request.facts, (file) =>
    tenant.edits.create({ ...asked, file }, null),
  );
  return job;
}

/** A trainer may see a conflict of texts as well; each is told once. */
function joined(texts: readonly EditConflict[], measured: readonly EditConflict[]): EditConflict[] {
  const key = ({ kind, fact, with: other }: EditConflict) => JSON.stringify([kind, fact, other.edit, other.fact]);
  const told = new Set(texts.map(key));
  return [...texts, ...measured.filter((conflict) => !told.has(key(conflict)))];
}

function ignoreEnded(error: unknown): void {
  if (!(error instanceof TrimtabError && error.code === "conflict")) throw error;
}
