import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Deleted, listOf } from "../../shared/api/lists.ts";
import { contextFields, Model, ModelList } from "../../shared/api/models.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { dispatcherObject } from "../objects/remote.ts";
import { unknownModel } from "../objects/unknown-model.ts";
import { tenantAuth } from "./auth.ts";
import { replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ model: z.string().max(300) });
const tags = ["Models"];
const security = TENANT_SECURITY;

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List the base models and the tenant's own",
  responses: replies(ModelList, "All models"),
});

const get = createRoute({
  method: "get",
  path: "/{model}",
  tags,
  security,
  summary: "Describe a model",
  request: { params },
  responses: replies(Model, "The model"),
});

const remove = createRoute({
  method: "delete",
  path: "/{model}",
  tags,
  security,
  summary: "Delete one of the tenant's own models",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const models = subApp();
models.use("*", tenantAuth());

/** A tenant's model with the context of its base. */
function withContext(model: Model, bases: readonly Model[]): Model {
  const base = bases.find(({ id }) => id === model.root);
  return { ...model, ...contextFields(base?.context_length ?? null) };
}

models.openapi(list, async (c) => {
  const [bases, own] = await Promise.all([dispatcherObject(c.env).bases.list(), c.var.caller.object.models.list()]);
  const all = [...bases, ...own.map((model) => withContext(model, bases))];
  return c.json(listOf(all, all.length), 200);
});

models.openapi(get, async (c) => {
  const { model: name } = c.req.valid("param");
  const own = await c.var.caller.object.models.get(name);
  const bases = await dispatcherObject(c.env).bases.list();
  if (own !== null) return c.json(withContext(own, bases), 200);
  const base = bases.find(({ id }) => id === name);
  if (base === undefined) throw unknownModel(name);
  return c.json(base, 200);
});

models.openapi(remove, async (c) => {
  const { model: name } = c.req.valid("param");
  const base = await dispatcherObject(c.env).bases.ready(name);
  if (base !== null) {
    throw new TrimtabError(
      "permission_denied",
      `${name} is a base model that all tenants share. You can delete only your own models.`,
      {
        param: "model",
      },
    );
  }
  return c.json(await c.var.caller.object.models.delete(name), 200);
});
