import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { ExportedFile } from "../../shared/api/feedback.ts";
import {
  CreateLabel,
  ExportLabels,
  ExportQuery,
  JudgeStep,
  Label,
  LabelAgreement,
  type LabelExport,
  LabelList,
  LabelQuery,
  MakeSamples,
  NextQuery,
  NextTask,
  RunJudge,
  SampleStep,
} from "../../shared/api/label-work.ts";
import { CreateLabelProject, LabelProject, LabelProjectList, LabelProjectQuery } from "../../shared/api/labeling.ts";
import { Deleted } from "../../shared/api/lists.ts";
import type { JudgedTexts } from "../../shared/feedback/lines.ts";
import { judgedTask } from "../../shared/labeling/judged.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { lineStream } from "../blobs/line-stream.ts";
import type { AppEnv } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { ExportCounts, exportPreferences, linesOf } from "./export-preferences.ts";
import { once } from "./idempotent.ts";
import { jsonBody, jsonBodyIfAny } from "./json-body.ts";
import { projectAgreement } from "./label-agreement.ts";
import { projectToCreate } from "./label-project.ts";
import { judgeTasks } from "./labeling-judge.ts";
import { makeSamples } from "./labeling-samples.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ project_id: z.string().max(64) });
const tags = ["Labelling"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Begin a labelling project: prompts whose texts are sampled and judged by people",
  request: { body: jsonRequest(CreateLabelProject) },
  responses: replies(LabelProject, "The project; its texts are sampled by `samples`, or as `next` needs them"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List labelling projects, newest first",
  request: { query: LabelProjectQuery },
  responses: replies(LabelProjectList, "A page of projects"),
});

const get = createRoute({
  method: "get",
  path: "/{project_id}",
  tags,
  security,
  summary: "Describe a labelling project, with how far it is",
  request: { params },
  responses: replies(LabelProject, "The project"),
});

const remove = createRoute({
  method: "delete",
  path: "/{project_id}",
  tags,
  security,
  summary: "Delete a labelling project with its tasks and labels; files that were exported stay",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

const samples = createRoute({
  method: "post",
  path: "/{project_id}/samples",
  tags,
  security,
  middleware: jsonBodyIfAny,
  summary: "Sample the texts of some prompts and make tasks of them: one step, which begins no prompt after 20 s",
  request: { params, body: { ...jsonRequest(MakeSamples), required: false } },
  responses: replies(SampleStep, "What the step made, and how many prompts wait"),
});

const next = createRoute({
  method: "get",
  path: "/{project_id}/next",
  tags,
  security,
  summary: "Hand a rater their next task; where none is left and prompts wait, up to two are sampled first",
  request: { params, query: NextQuery },
  responses: replies(NextTask, "The task, if there is one"),
});

const label = createRoute({
  method: "post",
  path: "/{project_id}/labels",
  tags,
  security,
  middleware: jsonBody,
  summary: "Label a task that was handed out, or skip it; a rater's later label of a task counts instead",
  request: { params, body: jsonRequest(CreateLabel) },
  responses: replies(Label, "The label"),
});

const labels = createRoute({
  method: "get",
  path: "/{project_id}/labels",
  tags,
  security,
  summary: "List labels, newest first, superseded ones and those of judges included",
  request: { params, query: LabelQuery },
  responses: replies(LabelList, "A page of labels"),
});

const judge = createRoute({
  method: "post",
  path: "/{project_id}/judge",
  tags,
  security,
  middleware: jsonBody,
  summary: "Have a model label some tasks, to compare it with people: one step, which begins no task after 20 s",
  request: { params, body: jsonRequest(RunJudge) },
  responses: replies(JudgeStep, "How many it labelled, and how many are left"),
});

const agreement = createRoute({
  method: "get",
  path: "/{project_id}/agreement",
  tags,
  security,
  summary: "Measure how far raters agree: with each other, with gold answers, and with judges",
  request: { params },
  responses: replies(LabelAgreement, "Every statistic with what it was computed from; null where it is undefined"),
});

const exportFile = createRoute({
  method: "post",
  path: "/{project_id}/export",
  tags,
  security,
  middleware: jsonBody,
  summary: "Make a dataset of the labels: a file that a job can name",
  request: { params, body: jsonRequest(ExportLabels) },
  responses: replies(ExportedFile, "The file, and what was left out of it"),
});

const exportLines = createRoute({
  method: "get",
  path: "/{project_id}/export",
  tags,
  security,
  summary: "Read the labels as JSON Lines, with where each comes from",
  request: { params, query: ExportQuery },
  responses: {
    200: {
      description: "One line of preference data a line",
      content: { "application/jsonl": { schema: z.string() } },
    },
  },
});

export const labeling = subApp();
// `next` generates only where it makes samples.
for (const work of ["samples", "judge"]) labeling.use(`/:project_id/${work}`, tenantAuth("generation"));
labeling.use("*", tenantAuth());

labeling.openapi(create, (c) => {
  const { object } = c.var.caller;
  return once(c, object, async (key) => {
    return c.json(await object.labeling.create(await projectToCreate(c, c.req.valid("json")), key), 200);
  });
});

labeling.openapi(list, async (c) => c.json(await c.var.caller.object.labeling.list(c.req.valid("query")), 200));

labeling.openapi(get, async (c) =>
  c.json(await c.var.caller.object.labeling.get(c.req.valid("param").project_id), 200),
);

labeling.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.labeling.delete(c.req.valid("param").project_id), 200),
);

labeling.openapi(samples, (c) => {
  const { project_id: id } = c.req.valid("param");
  // A request without a body has no field at all.
  const { prompts = DEFAULTS.labelStepPrompts } = c.req.valid("json");
  // A step that is sent again after a lost reply samples no prompt twice, and another one finds others.
  return once(c, c.var.caller.object, async () => c.json(await makeSamples(c, id, prompts), 200));
});

/** Prompts that `next` samples itself, so that a rater waits for few texts. */
const LAZY_PROMPTS = 2;

labeling.openapi(next, async (c) => {
  const { project_id: id } = c.req.valid("param");
  const { rater } = c.req.valid("query");
  const { labeling: projects } = c.var.caller.object;
  const found = await projects.next(id, rater);
  if (found.status !== "waiting") return c.json(found, 200);
  await makeSamples(c, id, LAZY_PROMPTS);
  return c.json(await projects.next(id, rater), 200);
});

labeling.openapi(label, (c) => {
  const { object } = c.var.caller;
  const { project_id: id } = c.req.valid("param");
  return once(c, object, async (key) => c.json(await object.labeling.label(id, c.req.valid("json"), key), 200));
});

labeling.openapi(labels, async (c) => {
  const { project_id: id } = c.req.valid("param");
  return c.json(await c.var.caller.object.labeling.labels(id, c.req.valid("query")), 200);
});

labeling.openapi(judge, async (c) =>
  c.json(await judgeTasks(c, c.req.valid("param").project_id, c.req.valid("json")), 200),
);

labeling.openapi(agreement, async (c) =>
  c.json(await projectAgreement(c.var.caller.object, c.req.valid("param").project_id), 200),
);

labeling.openapi(exportFile, (c) => {
  const { object } = c.var.caller;
  const { project_id: project } = c.req.valid("param");
  const { filename, ...asked } = c.req.valid("json");
  const { format } = asked;
  return once(c, object, async (key) => {
    const judged = await judgedTexts(c, project, asked);
    const place = { bucket: c.env.BLOBS, tenant: object, key };
    return c.json(
      await exportPreferences(place, { format, filename: filename ?? `labels-${format}.jsonl`, judged }),
      200,
    );
  });
});

labeling.openapi(exportLines, async (c) => {
  const asked = c.req.valid("query");
  const lines = linesOf(await judgedTexts(c, c.req.valid("param").project_id, asked), new ExportCounts(asked.format));
  return new Response(lineStream(lines), { headers: { "content-type": "application/jsonl; charset=utf-8" } }) as never;
});

async function judgedTexts(
  c: Context<AppEnv>,
  project: string,
  asked: LabelExport,
): Promise<AsyncIterable<JudgedTexts>> {
  const { labeling: projects } = c.var.caller.object;
  const { rating_scale: scale } = await projects.get(project);
  async function* judged(): AsyncGenerator<JudgedTexts, void> {
    for (let after: number | null = 0; after !== null; ) {
      const stretch: Awaited<ReturnType<typeof projects.stretch>> = await projects.stretch(
        project,
        asked.judge ?? null,
        after,
      );
      for (const task of stretch.tasks) yield* judgedTask(task, asked.labels, scale);
      after = stretch.next;
    }
  }
  return judged();
}
