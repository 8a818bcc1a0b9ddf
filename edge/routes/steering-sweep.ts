import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { CreateSweep, Sweep } from "../../shared/api/steering-sweep.ts";
import { type RunResult, runSweep } from "../../shared/sweep/sweep.ts";
import { tenantAuth } from "./auth.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { sseResponse } from "./sse.ts";
import { sweepLines } from "./sweep-lines.ts";
import { sweepSources } from "./sweep-sources.ts";
import { SweepTexts } from "./sweep-texts.ts";

const { 200: reply } = replies(
  Sweep,
  "The sweep; with `accept: image/svg+xml` its picture alone; with `accept: text/event-stream` a `sweep.run` event for each run that has ended, and then `sweep.completed`",
);

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Steering"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Run prompts over a grid of steering, and compare what it does with what it costs",
  request: { body: jsonRequest(CreateSweep) },
  responses: {
    200: {
      ...reply,
      content: {
        ...reply.content,
        "image/svg+xml": { schema: z.string() },
        "text/event-stream": { schema: z.string() },
      },
    },
  },
});

export const steeringSweep = subApp();
steeringSweep.use("*", tenantAuth("generation"));

steeringSweep.openapi(create, async (c) => {
  const sources = await sweepSources(c.var.caller, c.req.valid("json"));
  const texts = await SweepTexts.begin(c, sources);
  const start = (finished?: (result: RunResult, done: number) => void) =>
    runSweep(sources.plan, {
      run: (run) => texts.run(run),
      usage: () => texts.usage(),
      ...(finished === undefined ? {} : { finished }),
    });
  const accept = c.req.header("accept") ?? "";
  if (accept.includes("text/event-stream")) {
    return sseResponse(sweepLines(sources.plan, start), () => texts.stop()) as never;
  }
  const sweep = await start();
  if (accept.includes("image/svg+xml")) return c.body(sweep.svg, 200, { "content-type": "image/svg+xml" }) as never;
  return c.json(sweep, 200);
});
