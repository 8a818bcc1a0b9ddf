import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { AnyQuery } from "../../shared/api/lists.ts";
import { dispatcherObject } from "../objects/remote.ts";
import { tokenAuth } from "./auth.ts";
import { prometheusText, requestCounts } from "./metrics.ts";
import { ADMIN_SECURITY, replies, subApp } from "./route.ts";

/** Probes and scrapers add queries of their own, against caches for example. */
const request = { query: AnyQuery };

const Health = z.strictObject({ status: z.literal("ok") }).meta({ id: "Health" });

const health = createRoute({
  method: "get",
  path: "/healthz",
  tags: ["Service"],
  security: [],
  summary: "Whether the Worker answers",
  request,
  responses: replies(Health, "It does"),
});

const metrics = createRoute({
  method: "get",
  path: "/metrics",
  tags: ["Service"],
  security: ADMIN_SECURITY,
  middleware: [tokenAuth("ADMIN_TOKEN")] as const,
  summary: "Counters and gauges in Prometheus' text format",
  request,
  responses: { 200: { description: "The metrics", content: { "text/plain": { schema: z.string() } } } },
});

export const service = subApp();

service.openapi(health, (c) => c.json({ status: "ok" as const }, 200));

service.openapi(metrics, async (c) => {
  const counts = await dispatcherObject(c.env).queue.counts();
  return c.text(prometheusText(counts, requestCounts()), 200);
});
