import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { BaseModel, CreateBase } from "../../shared/api/admin.ts";
import { checkFileName } from "../../shared/api/artefacts.ts";
import { BaseId } from "../../shared/api/ids.ts";
import { storeBody } from "../blobs/store-body.ts";
import { dispatcherObject } from "../objects/remote.ts";
import { tokenAuth } from "./auth.ts";
import { once } from "./idempotent.ts";
import { jsonBody } from "./json-body.ts";
import { ADMIN_SECURITY, jsonRequest, replies, streamedRequest, subApp } from "./route.ts";

const params = z.strictObject({ id: BaseId });
const tags = ["Admin"];
const security = ADMIN_SECURITY;

const announce = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Announce a base model's files; then upload each, then publish",
  request: { body: jsonRequest(CreateBase) },
  responses: replies(BaseModel, "The base model, pending until it is published"),
});

const get = createRoute({
  method: "get",
  path: "/{id}",
  tags,
  security,
  summary: "Describe a base model and what has been uploaded of it",
  request: { params },
  responses: replies(BaseModel, "The base model"),
});

const upload = createRoute({
  method: "put",
  path: "/{id}/files/{name}",
  tags,
  security,
  summary: "Upload one announced file",
  request: {
    params: params.extend({ name: z.string().max(128) }),
    body: streamedRequest("application/octet-stream"),
  },
  responses: replies(BaseModel, "The base model"),
});

const publish = createRoute({
  method: "post",
  path: "/{id}/publish",
  tags,
  security,
  summary: "Check an uploaded base model and open it to all tenants; nothing is kept of one that is not sound",
  request: { params },
  responses: replies(BaseModel, "The base model, ready"),
});

export const adminModels = subApp();
adminModels.use("*", tokenAuth("ADMIN_TOKEN"));

adminModels.openapi(announce, async (c) => {
  const dispatcher = dispatcherObject(c.env);
  const base = c.req.valid("json");
  return once(c, dispatcher, async (key) => c.json(await dispatcher.bases.announce(base, key), 200));
});

adminModels.openapi(get, async (c) => c.json(await dispatcherObject(c.env).bases.get(c.req.valid("param").id), 200));

adminModels.openapi(upload, async (c) => {
  const { id, name } = c.req.valid("param");
  checkFileName("model", name, "name");
  const dispatcher = dispatcherObject(c.env);
  const { key, bytes, sha256, ready } = await dispatcher.bases.file(id, name);
  // A base that is ready never changes; the same file again is no error.
  if (ready) return c.json(await dispatcher.bases.get(id), 200);
  await storeBody(c.env.BLOBS, { key, request: c.req.raw, bytes, sha256, createOnly: false });
  return c.json(await dispatcher.bases.noteUpload(id, name), 200);
});

adminModels.openapi(publish, async (c) =>
  c.json(await dispatcherObject(c.env).bases.publish(c.req.valid("param").id), 200),
);
