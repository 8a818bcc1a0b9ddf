import { createRoute } from "@hono/zod-openapi";
import { MergeDeltas, MergedDeltas } from "../../shared/api/deltas.ts";
import { LIMITS } from "../../shared/limits.ts";
import { baseAccess } from "../blobs/base-access.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import { heapLimitBytes } from "../env.ts";
import { mergeInTurns, readSources, requireServed } from "../merging/merged-delta.ts";
import { deltaFiles, modelFiles } from "../merging/merged-files.ts";
import { Pace } from "../pace/pace.ts";
import { servedPositions, servingLimits } from "../serving/limits.ts";
import { tenantAuth } from "./auth.ts";
import { once } from "./idempotent.ts";
import { jsonBody } from "./json-body.ts";
import { namedBase } from "./named-base.ts";
import { publishFolder } from "./publish-folder.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { Turns } from "./turns.ts";

const merge = createRoute({
  method: "post",
  path: "/merge",
  tags: ["Deltas"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Merge several deltas into one, or into a complete model",
  request: { body: jsonRequest(MergeDeltas) },
  responses: replies(
    MergedDeltas,
    "The delta or, with `output` model, the model; one of the same contents is found as it is",
  ),
});

/** Each merge may take `LIMITS.mergedBytes` of memory, and all of the processor that the batch leaves. */
const turns = new Turns({ what: "merges", most: LIMITS.waitingMerges, mostOfTenant: 4 });

export const deltasMerge = subApp();
deltasMerge.use("*", tenantAuth());

deltasMerge.openapi(merge, (c) => {
  const { id: owner, object: tenant } = c.var.caller;
  return once(c, tenant, async (key) => {
    const bucket = c.env.BLOBS;
    const request = c.req.valid("json");
    const stored = await namedBase(tenant, request.model);
    const folders = await tenant.deltas.toMerge(stored, request.deltas);
    const { id, digest } = stored;
    const base = { ...(await baseAccess(bucket, stored)), id, digest };
    const suffix = request.suffix ?? null;
    const merged = await turns.take(owner, async () => {
      const sources = await readSources(bucket, folders, base);
      const delta = await mergeInTurns(request, sources, new Pace(owner));
      if (request.output === "model") {
        const files = await modelFiles(delta, { sources, base, files: new FolderReader(bucket, stored) });
        const model = { kind: "model", files, base, suffix, contextLength: servedPositions(base.config) } as const;
        return publishFolder(bucket, tenant, model, key);
      }
      requireServed(delta, request, servingLimits(base.config, heapLimitBytes(c.env)));
      const files = await deltaFiles(delta, { request, sources, base });
      return publishFolder(bucket, tenant, { kind: "delta", files, base, suffix }, key);
    });
    return c.json(merged, 200);
  });
});
