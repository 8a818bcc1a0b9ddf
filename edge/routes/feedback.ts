import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import {
  CreateFeedback,
  ExportedFile,
  ExportFeedback,
  Feedback,
  type FeedbackFilter,
  FeedbackList,
  FeedbackQuery,
} from "../../shared/api/feedback.ts";
import { Deleted } from "../../shared/api/lists.ts";
import type { JudgedTexts, Judgement } from "../../shared/feedback/lines.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";
import { tenantAuth } from "./auth.ts";
import { exportPreferences } from "./export-preferences.ts";
import { once } from "./idempotent.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ feedback_id: z.string().max(64) });
const tags = ["Feedback"];
const security = TENANT_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Say what you think of a completion that was kept with `store: true`",
  request: { body: jsonRequest(CreateFeedback) },
  responses: replies(Feedback, "The verdict, with copies of the texts that it judges"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List feedback, newest first",
  request: { query: FeedbackQuery },
  responses: replies(FeedbackList, "A page of feedback"),
});

const get = createRoute({
  method: "get",
  path: "/{feedback_id}",
  tags,
  security,
  summary: "Read one piece of feedback",
  request: { params },
  responses: replies(Feedback, "The feedback"),
});

const remove = createRoute({
  method: "delete",
  path: "/{feedback_id}",
  tags,
  security,
  summary: "Delete one piece of feedback; one that it superseded counts again",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

const exporting = createRoute({
  method: "post",
  path: "/export",
  tags,
  security,
  middleware: jsonBody,
  summary: "Make a dataset of feedback: a file that a job can name",
  request: { body: jsonRequest(ExportFeedback) },
  responses: replies(ExportedFile, "The file, and what was left out of it"),
});

export const feedback = subApp();
feedback.use("*", tenantAuth());

feedback.openapi(create, (c) => {
  const { object } = c.var.caller;
  return once(c, object, async (key) => c.json(await object.feedback.create(c.req.valid("json"), key), 200));
});

feedback.openapi(list, async (c) => c.json(await c.var.caller.object.feedback.list(c.req.valid("query")), 200));

feedback.openapi(get, async (c) =>
  c.json(await c.var.caller.object.feedback.get(c.req.valid("param").feedback_id), 200),
);

feedback.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.feedback.delete(c.req.valid("param").feedback_id), 200),
);

feedback.openapi(exporting, (c) => {
  const { object } = c.var.caller;
  const { format, filters = {}, filename = `feedback-${format}.jsonl` } = c.req.valid("json");
  return once(c, object, async (key) => {
    if (format === "ratings") await object.feedback.requireOneScale(filters);
    const judged = judgedBy(object, filters);
    return c.json(
      await exportPreferences({ bucket: c.env.BLOBS, tenant: object, key }, { format, filename, judged }),
      200,
    );
  });
});

async function* judgedBy(tenant: Remote<Tenant>, filter: FeedbackFilter): AsyncGenerator<JudgedTexts, void> {
  for (let after: number | null = 0; after !== null; ) {
    const stretch: Awaited<ReturnType<typeof tenant.feedback.stretch>> = await tenant.feedback.stretch(filter, after);
    for (const one of stretch.feedback) yield judgedTexts(one);
    after = stretch.next;
  }
}

/** Feedback as lines of preference data are made of it. */
export function judgedTexts({
  id,
  verdict,
  prompt,
  answers,
  rater,
  comment,
  metadata,
  created_at,
}: Feedback): JudgedTexts {
  const texts = answers.map(({ completion_id, choice }) => ({ completion_id, choice }));
  const from = { source: "feedback", id, created_at, texts, comment, metadata };
  return { judgement: judgementOf(verdict), prompt, answers, rater, from };
}

function judgementOf(verdict: Feedback["verdict"]): Judgement {
  if (verdict.type === "thumbs") return { type: "thumbs", up: verdict.value === "up" };
  if (verdict.type === "rating") return verdict;
  return { type: verdict.type === "tie" ? "tie" : "ranking" };
}
