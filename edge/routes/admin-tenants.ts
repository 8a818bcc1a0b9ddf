import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import {
  ChangeTenant,
  CreateKey,
  CreateTenant,
  KeyList,
  NewKey,
  Tenant,
  TenantList,
  TenantListQuery,
  Usage,
} from "../../shared/api/admin.ts";
import { formatKey, newSecret, type RandomBytes, TenantId } from "../../shared/api/ids.ts";
import { Deleted, pageQuery } from "../../shared/api/lists.ts";
import { dispatcherObject, tenantObject } from "../objects/remote.ts";
import { hashSecret } from "../objects/tenant/keys.ts";
import { tokenAuth } from "./auth.ts";
import { derivedSecret } from "./derived-secret.ts";
import { idempotencyOf, once, readAgain } from "./idempotent.ts";
import { jsonBody } from "./json-body.ts";
import { ADMIN_SECURITY, jsonRequest, replies, subApp } from "./route.ts";

const params = z.strictObject({ tenant: TenantId });
const tags = ["Admin"];
const security = ADMIN_SECURITY;

const create = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  middleware: jsonBody,
  summary: "Create a tenant",
  request: { body: jsonRequest(CreateTenant) },
  responses: replies(Tenant, "The tenant"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List tenants, newest first",
  request: { query: TenantListQuery },
  responses: replies(TenantList, "A page of tenants"),
});

const get = createRoute({
  method: "get",
  path: "/{tenant}",
  tags,
  security,
  summary: "Describe a tenant",
  request: { params },
  responses: replies(Tenant, "The tenant"),
});

const change = createRoute({
  method: "patch",
  path: "/{tenant}",
  tags,
  security,
  middleware: jsonBody,
  summary: "Change a tenant's limits, from its next request on",
  request: { params, body: jsonRequest(ChangeTenant) },
  responses: replies(Tenant, "The tenant, changed"),
});

const remove = createRoute({
  method: "delete",
  path: "/{tenant}",
  tags,
  security,
  summary: "Delete a tenant with its keys, jobs, files, models and usage",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

const usage = createRoute({
  method: "get",
  path: "/{tenant}/usage",
  tags,
  security,
  summary: "A tenant's usage, by day",
  request: { params },
  responses: replies(Usage, "The last 90 days of use"),
});

const createKey = createRoute({
  method: "post",
  path: "/{tenant}/keys",
  tags,
  security,
  middleware: jsonBody,
  summary: "Create an API key; this reply is the only one that shows it",
  request: { params, body: jsonRequest(CreateKey) },
  responses: replies(NewKey, "The key"),
});

const listKeys = createRoute({
  method: "get",
  path: "/{tenant}/keys",
  tags,
  security,
  summary: "List a tenant's keys, newest first",
  request: { params, query: pageQuery() },
  responses: replies(KeyList, "A page of keys"),
});

const revokeKey = createRoute({
  method: "delete",
  path: "/{tenant}/keys/{key}",
  tags,
  security,
  summary: "Revoke a key; its next request is refused",
  request: { params: params.extend({ key: z.string().max(64) }) },
  responses: replies(Deleted, "What was revoked"),
});

const random: RandomBytes = (bytes) => crypto.getRandomValues(bytes);

export const adminTenants = subApp();
adminTenants.use("*", tokenAuth("ADMIN_TOKEN"));

adminTenants.openapi(create, async (c) => {
  const tenant = c.req.valid("json");
  return once(c, dispatcherObject(c.env), async (key) =>
    c.json(await tenantObject(c.env, tenant.id).account.create(tenant, key), 200),
  );
});

adminTenants.openapi(list, async (c) => c.json(await dispatcherObject(c.env).tenants.list(c.req.valid("query")), 200));

adminTenants.openapi(get, async (c) =>
  c.json(await tenantObject(c.env, c.req.valid("param").tenant).account.info(), 200),
);

adminTenants.openapi(change, async (c) =>
  c.json(await tenantObject(c.env, c.req.valid("param").tenant).account.change(c.req.valid("json")), 200),
);

adminTenants.openapi(remove, async (c) =>
  c.json(await tenantObject(c.env, c.req.valid("param").tenant).removal.delete(), 200),
);

adminTenants.openapi(usage, async (c) =>
  c.json(await tenantObject(c.env, c.req.valid("param").tenant).account.usage(), 200),
);

adminTenants.openapi(createKey, async (c) => {
  const { tenant } = c.req.valid("param");
  const object = tenantObject(c.env, tenant);
  const idempotency = await idempotencyOf(c, c.var.bodyDigest);
  // The same Idempotency-Key derives the same secret again, so no reply that holds a secret has to be stored.
  const creation = idempotency === null ? null : await object.keys.salt(idempotency, newSecret(random));
  const request = idempotency === null || creation === null ? null : { ...idempotency, salt: creation.salt };
  const secret = request === null ? newSecret(random) : await derivedSecret(c.env.ADMIN_TOKEN ?? "", request.salt);
  const name = c.req.valid("json").name ?? null;
  const made = { name, hash: await hashSecret(secret), hint: secret.slice(-4) };
  const add = async () => c.json({ ...(await object.keys.add(made, request)), key: formatKey(tenant, secret) }, 200);
  return creation?.isMade === true ? readAgain(add) : add();
});

adminTenants.openapi(listKeys, async (c) =>
  c.json(await tenantObject(c.env, c.req.valid("param").tenant).keys.list(c.req.valid("query")), 200),
);

adminTenants.openapi(revokeKey, async (c) => {
  const { tenant, key } = c.req.valid("param");
  return c.json(await tenantObject(c.env, tenant).keys.revoke(key), 200);
});
