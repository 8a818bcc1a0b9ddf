import { createRoute } from "@hono/zod-openapi";
import { accepts } from "hono/accepts";
import { z } from "zod";
import { JobEval } from "../../shared/api/job-evals.ts";
import { JobReport, REPORT_HTML, REPORT_JSON } from "../../shared/api/job-report.ts";
import { type Job, TERMINAL_STATUSES } from "../../shared/api/jobs.ts";
import { SweepReport } from "../../shared/api/sweep-report.ts";
import { SynthesisReport } from "../../shared/api/synthesis-report.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { evalsPage, withEvals } from "../../shared/report/job-evals.ts";
import { REPORT_POLICY } from "../../shared/report/page.ts";
import type { BlobSource } from "../blobs/blob-source.ts";
import { verifiedBlob } from "../blobs/verified-stream.ts";
import { tenantAuth } from "./auth.ts";
import { subApp, TENANT_SECURITY } from "./route.ts";

/** Of a job whose type makes no report. */
const EvalsReport = z
  .looseObject({ object: z.literal("fine_tuning.job.report"), evals: z.array(JobEval) })
  .meta({ id: "FineTuningJobEvalsReport" });

const get = createRoute({
  method: "get",
  path: "/{fine_tuning_job_id}/report",
  tags: ["Fine-tuning"],
  security: TENANT_SECURITY,
  summary: "Read the report that a job has ended with, as JSON or as a page",
  description:
    "A page with `accept: text/html`, and JSON otherwise. Both are also among the job's `result_files`. A pipeline's is that of its last stage that has one; a sweep has its own, which compares its trials. Of a job that evals are run before and after, `evals` has the differences.",
  request: { params: z.strictObject({ fine_tuning_job_id: z.string().max(64) }) },
  responses: {
    200: {
      description: "The report",
      content: {
        "application/json": { schema: z.union([JobReport, SweepReport, SynthesisReport, EvalsReport]) },
        "text/html": { schema: { type: "string" } as const },
      },
    },
  },
});

/** What a page that shows texts of models may do: nothing but look as it does, in a document of its own. */
const PAGE_HEADERS = {
  "content-security-policy": `${REPORT_POLICY}; frame-ancestors 'none'; sandbox`,
  "referrer-policy": "no-referrer",
};

export const jobReport = subApp();
jobReport.use("*", tenantAuth());

jobReport.openapi(get, async (c) => {
  const tenant = c.var.caller.object;
  const job = await tenant.jobs.get(c.req.valid("param").fine_tuning_job_id);
  const type = accepts(c, {
    header: "Accept",
    supports: ["application/json", "text/html"],
    default: "application/json",
  });
  const isPage = type === "text/html";
  let source: BlobSource | null = null;
  for (const id of reportedJobs(job)) source ??= await tenant.files.ofJob(id, isPage ? REPORT_HTML : REPORT_JSON);
  const { evals } = job;
  if (evals !== undefined)
    return reply(await reportWithEvals(c.env.BLOBS, { source, job, evals, isPage }), isPage) as never;
  if (source === null) throw noReport(job);
  return reply(await verifiedBlob(c.env.BLOBS, source), isPage) as never;
});

interface MeasuredReport {
  /** null of a job whose type makes no report. */
  readonly source: BlobSource | null;
  readonly job: Job;
  readonly evals: NonNullable<Job["evals"]>;
  readonly isPage: boolean;
}

/** A job's report with what evals have measured, which may end before the report is made, and after. */
async function reportWithEvals(bucket: R2Bucket, { source, job, evals, isPage }: MeasuredReport): Promise<string> {
  const text = source === null ? null : await new Response(await verifiedBlob(bucket, source)).text();
  if (isPage) return text === null ? evalsPage(job, evals) : withEvals(text, evals);
  return JSON.stringify({ ...(text === null ? { object: "fine_tuning.job.report" } : JSON.parse(text)), evals });
}

function reply(body: ReadableStream | string, isPage: boolean): Response {
  return new Response(body, {
    headers: {
      "content-type": isPage ? "text/html; charset=utf-8" : "application/json",
      "cache-control": "private, no-store",
      "x-content-type-options": "nosniff",
      vary: "accept",
      ...(isPage ? PAGE_HEADERS : {}),
    },
  });
}

/** The jobs whose report is a job's own, the first that has one: of a pipeline its stages, the last one first. */
function reportedJobs({ id, stages = [] }: Job): string[] {
  return [id, ...stages.flatMap(({ job }) => job ?? []).reverse()];
}

function noReport({ id, status, method }: Job): TrimtabError {
  const why = !TERMINAL_STATUSES.includes(status)
    ? `The job ${id} is ${status}; its report is made when it succeeds.`
    : status !== "succeeded"
      ? `The job ${id} has ended without a result (${status}), and so without a report.`
      : `The job ${id} of type ${method.type} has no report: its type makes none, its settings turned it off, it could not be made, which the job's events say, or its file was deleted.`;
  return new TrimtabError("not_found", why, { param: "fine_tuning_job_id" });
}
