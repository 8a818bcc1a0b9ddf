import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { BaseModel, BaseModelList, BaseModelListQuery, CreateBase } from "../../shared/api/admin.ts";
import { checkFileName } from "../../shared/api/artefacts.ts";
import { BaseId } from "../../shared/api/ids.ts";
import { Deleted } from "../../shared/api/lists.ts";
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

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List base models, newest first, with those that are not published yet",
  request: { query: BaseModelListQuery },
  responses: replies(BaseModelList, "A page of base models"),
});

const check = createRoute({
  method: "post",
  path: "/{id}/check",
  tags,
  security,
  summary: "Check every file but the weights, before the weights are uploaded",
  description:
    "Tries the configuration, the tokenizer, the chat template on sample conversations, the generation defaults and the memory. " +
    "The error lists everything that has to change, and nothing is kept of such a model.",
  request: { params },
  responses: replies(BaseModel, "The base model, pending"),
});

const remove = createRoute({
  method: "delete",
  path: "/{id}",
  tags,
  security,
  summary: "Delete a base model; jobs that train on it have to end first",
  description:
    "Paused jobs hold it too. Deltas and fine-tuned models of it stay, and lists show `base_status`: deleted; they cannot be used until the same base is added again.",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
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

adminModels.openapi(list, async (c) => c.json(await dispatcherObject(c.env).bases.listAll(c.req.valid("query")), 200));

adminModels.openapi(check, async (c) =>
  c.json(await dispatcherObject(c.env).bases.check(c.req.valid("param").id), 200),
);

adminModels.openapi(remove, async (c) =>
  c.json(await dispatcherObject(c.env).bases.delete(c.req.valid("param").id), 200),
);

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
