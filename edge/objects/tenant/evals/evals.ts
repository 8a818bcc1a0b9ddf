import type {
  DataSource,
  EvalOutputItem,
  EvalOutputItemPage,
  EvalRun,
  EvalRunPage,
} from "../../../../shared/api/eval-runs.ts";
import type { Eval, EvalPage, UpdateEval } from "../../../../shared/api/evals.ts";
import type { ListOf } from "../../../../shared/api/lists.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { seconds } from "../../database.ts";
import { type Idempotency, settleCreation } from "../../idempotency.ts";
import type { CallsOf } from "../../module.ts";
import { remote, stubOf } from "../../rpc.ts";
import type { account } from "../account.ts";
import { type TenantContext, tenantModule } from "../context.ts";
import type { models } from "../models.ts";
import {
  addEval,
  changeEval,
  EVAL_TABLES,
  type EvalRecord,
  evalOf,
  listEvals,
  recordOf,
  requireEval,
} from "./eval-rows.ts";
import { addItems, itemOf, listItems, type NewItem, requireItem } from "./item-rows.ts";
import { type JobEvalTemplate, jobMeasuredBy } from "./job-eval-rows.ts";
import { jobEvalsDue, settleJobEvals, templateOf } from "./job-evals.ts";
import { type KeptFilter, keptItems } from "./kept-items.ts";
import type { RunRecord } from "./run-record.ts";
import { addRun, deleteRun, endRun, findRun, isUnended, listRuns, queueRun, requireRun, runOf } from "./run-rows.ts";
import { EvalRunner, type TenantCalls } from "./runner.ts";

/** How long the items of a run may take to arrive. */
const PENDING_SECONDS = 15 * 60;
/** How often it is made sure that what waits is worked on: an object that was ended has nothing under way. */
const HEARTBEAT_MS = 5_000;

/** Evals, their runs and what came of the items of those. */
export const evals = tenantModule({
  schema: EVAL_TABLES,

  open(context) {
    const { db, now, rearm, newId, requireCreated } = context;
    const runner = new EvalRunner(context, () => ownCalls(context));

    const dropPending = () => {
      const stale = seconds(now()) - PENDING_SECONDS;
      const rows = db.all<{ id: string }>(
        "SELECT id FROM eval_runs WHERE status = 'pending' AND created_at <= ?",
        stale,
      );
      for (const { id } of rows) deleteRun(db, id);
    };

    /** @throws TrimtabError conflict while a job is measured by it */
    const requireUnmeasured = (what: string, id: string): void => {
      const job = jobMeasuredBy(db, id);
      if (job === undefined) return;
      throw new TrimtabError(
        "conflict",
        `The job ${job} is measured by this ${what}. Cancel the job or wait for its end.`,
      );
    };

    const begin = async (): Promise<void> => {
      await rearm();
      runner.kick();
    };

    return {
      calls: {
        create(record: EvalRecord, key: Idempotency | null): Eval {
          requireCreated();
          return db.transaction(() => {
            const created = evalOf(addEval(db, { id: newId("eval"), createdAt: seconds(now()), record }));
            settleCreation(db, key, created);
            return created;
          });
        },

        get: (id: string): Eval => evalOf(requireEval(db, id)),

        /** What its runs need to know of it. */
        record: (id: string): EvalRecord => recordOf(requireEval(db, id)),

        list: (page: EvalPage): ListOf<Eval> => listEvals(db, page),

        update: (id: string, change: UpdateEval): Eval => evalOf(changeEval(db, requireEval(db, id), change)),

        /** Deletes it with its runs; those under way end. */
        delete(id: string): void {
          requireEval(db, id);
          requireUnmeasured("eval", id);
          const runs = db.all<{ id: string }>("SELECT id FROM eval_runs WHERE eval = ?", id);
          db.transaction(() => {
            for (const run of runs) deleteRun(db, run.id);
            db.run("DELETE FROM evals WHERE id = ?", id);
          });
          for (const run of runs) runner.stop(run.id);
        },

        /** Records a run whose items follow; nobody sees it until `start`. */
        async prepareRun(of: string, record: RunRecord, source: DataSource): Promise<string> {
          const id = newId("evalRun");
          db.transaction(() => addRun(db, { id, eval: of, createdAt: seconds(now()), record, source }));
          await rearm();
          return id;
        },

        addItems: (run: string, from: number, items: readonly Omit<NewItem, "id">[]): void =>
          db.transaction(() =>
            addItems(
              db,
              run,
              from,
              items.map((item) => ({ ...item, id: newId("evalItem") })),
            ),
          ),

        /** Gives a run the completions that were kept as its items; returns how many there are. */
        addKept: (run: string, filter: KeptFilter): number =>
          db.transaction(() => {
            let count = 0;
            for (const item of keptItems(db, filter)) addItems(db, run, count++, [{ ...item, id: newId("evalItem") }]);
            return count;
          }),

        /** Queues a run that has all its items. */
        async start(run: string, key: Idempotency | null): Promise<EvalRun> {
          const started = db.transaction(() => {
            queueRun(db, run);
            const row = findRun(db, run);
            if (row === undefined || row.status === "pending") {
              throw new TrimtabError(
                "conflict",
                "The run took too long to be created, or its eval was deleted. Send it again.",
              );
            }
            settleCreation(db, key, { id: run });
            return runOf(db, row);
          });
          await begin();
          return started;
        },

        /** Abandons a run that could not be created. */
        dropRun(run: string): void {
          if (findRun(db, run)?.status === "pending") deleteRun(db, run);
        },

        run: (of: string, id: string): EvalRun => runOf(db, requireRun(db, of, id)),

        runs: (of: string, page: EvalRunPage): ListOf<EvalRun> => listRuns(db, requireEval(db, of), page),

        /** @throws TrimtabError conflict for a run that has ended otherwise */
        cancelRun(of: string, id: string): EvalRun {
          const { status } = requireRun(db, of, id);
          if (!isUnended(status) && status !== "canceled") {
            throw new TrimtabError("conflict", `The run ${id} has ended (${status}) and cannot be canceled.`);
          }
          endRun(db, id, "canceled");
          runner.stop(id);
          return runOf(db, requireRun(db, of, id));
        },

        deleteRun(of: string, id: string): void {
          requireRun(db, of, id);
          requireUnmeasured("run", id);
          db.transaction(() => deleteRun(db, id));
          runner.stop(id);
        },

        /** The run that a job repeats of an eval. Throws where there is none. */
        template: (of: string, param: string): JobEvalTemplate => {
          requireEval(db, of, param);
          return templateOf(context, of, param);
        },

        /** The eval of a suite that was created last; null without one. */
        ofSuite: (suite: string): string | null =>
          db.get<{ id: string }>(
            "SELECT id FROM evals WHERE json_extract(record, '$.suite') = ? ORDER BY n DESC LIMIT 1",
            suite,
          )?.id ?? null,

        /** Sets to work on what jobs are measured by. */
        async measureJobs(): Promise<void> {
          settleJobEvals(context);
          await begin();
        },

        items: (of: string, run: string, page: EvalOutputItemPage): ListOf<EvalOutputItem> =>
          listItems(db, requireRun(db, of, run), page),

        item(of: string, run: string, id: string): EvalOutputItem {
          const row = requireRun(db, of, run);
          return itemOf(requireItem(db, row, id), row);
        },
      },

      duty: {
        run() {
          dropPending();
          settleJobEvals(context);
          runner.kick();
        },
        next() {
          if (!db.has("eval_runs")) return null;
          const waits = (status: string) =>
            db.get<{ at: number }>(`SELECT created_at AS at FROM eval_runs WHERE status ${status} ORDER BY n`);
          if (jobEvalsDue(context)) return 0;
          if (waits("IN ('queued', 'in_progress')") !== undefined) return now() + HEARTBEAT_MS;
          const pending = waits("= 'pending'");
          return pending === undefined ? null : (pending.at + PENDING_SECONDS) * 1000;
        },
      },
    };
  },
});

type Own = { readonly calls: CallsOf<{ account: typeof account; models: typeof models }> };

/** The tenant's own object, called as others call it: modules keep what they remember to themselves. */
function ownCalls({ env, tenant }: TenantContext): TenantCalls {
  const own = remote<Own>(stubOf(env.TENANT, tenant().id));
  return {
    resolve: (request) => own.models.resolve(request),
    admit: (kind) => own.account.admit(kind),
    charge: (used) => own.account.charge(used),
  };
}
