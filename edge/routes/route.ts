/** What the declarations of routes have in common. */
import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import { z } from "zod";
import { TenantId } from "../../shared/api/ids.ts";
import { NoQuery } from "../../shared/api/lists.ts";
import { requestError } from "../../shared/api/parse.ts";
import { TRAINER_HEADERS } from "../../shared/api/trainer.ts";
import type { Hold } from "../objects/hold.ts";
import type { AppEnv } from "./app-env.ts";

/**
 * A sub-app whose validators throw an error that names the field. Its GET routes refuse a query unless they declare one, so that
 * a misspelt filter never lists everything.
 */
export function subApp(): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw requestError(result.error, "data" in result ? result.data : undefined);
    },
  });
  const { openapi } = app;
  const declare = ({ request, ...route }: RouteConfig, ...rest: [handler: never]) =>
    openapi({ ...route, request: route.method === "get" ? { query: NoQuery, ...request } : { ...request } }, ...rest);
  app.openapi = declare as typeof openapi;
  return app;
}

/** The response of a route that succeeds. Any route may also answer with an error, which the document adds to all of them. */
export function replies<T extends z.ZodType>(schema: T, description: string) {
  return { 200: { description, content: { "application/json": { schema } } } } as const;
}

export function jsonRequest<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema: upToFirstIssue(schema) } } } as const;
}

/**
 * The schema, whose validator stops at the first issue of a list or object: only one is reported, and a list of a hundred thousand
 * wrong entries would have as many.
 */
function upToFirstIssue<T extends z.ZodType>(schema: T): T {
  const { safeParse } = schema;
  const context = { abortEarly: true } as z.core.ParseContext<z.core.$ZodIssue>;
  schema.safeParseAsync = async (value) => safeParse(value, context);
  return schema;
}

/** A body that the handler reads as it streams in. */
export function streamedRequest(
  mediaType: string,
  schema: Record<string, unknown> = { type: "string", format: "binary" },
) {
  return { required: true, content: { [mediaType]: { schema } } };
}

/** A body of bytes in the reply. */
export function bytesReply(description: string) {
  return {
    200: {
      description,
      content: { "application/octet-stream": { schema: { type: "string", format: "binary" } as const } },
    },
  };
}

export const TENANT_SECURITY = [{ tenantKey: [] as string[] }];
export const ADMIN_SECURITY = [{ adminToken: [] as string[] }];
export const TRAINER_SECURITY = [{ trainerToken: [] as string[] }];

/** The headers that say which lease a trainer's call belongs to. */
export const HoldHeaders = z.object({
  [TRAINER_HEADERS.tenant]: TenantId,
  [TRAINER_HEADERS.fence]: z.coerce.number().int().min(1),
});

export interface HeldJob {
  readonly tenant: string;
  readonly hold: Hold;
}

export function heldJob(job: string, headers: z.infer<typeof HoldHeaders>): HeldJob {
  return { tenant: headers[TRAINER_HEADERS.tenant], hold: { job, fence: headers[TRAINER_HEADERS.fence] } };
}
