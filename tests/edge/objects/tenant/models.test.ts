import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { steeringEcho } from "../../../../edge/routes/steering.ts";
import { SteeringObject } from "../../../../shared/api/steering.ts";
import { Api } from "../../support/api.ts";

it("a base that is not there is an unknown model", async () => {
  const api = new Api();
  await api.base("models-base");
  await api.tenant("models-tenant");
  const tenant = tenantObject(env, "models-tenant");
  await expect(tenant.models.resolve({ name: "nothing", deltas: [] })).rejects.toMatchObject({
    code: "model_not_found",
    param: "model",
  });
  expect(await tenant.models.resolve({ name: "models-base", deltas: [] })).toMatchObject({
    model: { weights: null, deltas: [] },
    steering: null,
  });
  expect([await tenant.models.get("models-base"), await tenant.models.list()]).toEqual([null, []]);
  await expect(tenant.models.delete("models-base")).rejects.toMatchObject({ code: "model_not_found" });
});

it("says the same of a name whose base was deleted, whether it is asked or trained", async () => {
  const api = new Api();
  await api.base("models-gone");
  const key = await api.tenant("models-alias");
  await api.call("POST", "/v1/aliases", { key, body: { id: "bot", model: "models-gone" } });
  await api.call("DELETE", "/v1/admin/models/models-gone", { key: api.env.ADMIN_TOKEN });
  const { models } = tenantObject(env, "models-alias");
  const error = {
    code: "model_not_found",
    message: "The alias bot points to models-gone, whose base model was deleted. Move the alias to another model.",
  };
  await expect(models.resolve({ name: "bot", deltas: [] })).rejects.toMatchObject(error);
  await expect(models.start("bot")).rejects.toMatchObject(error);
  await expect(models.base("bot")).rejects.toMatchObject(error);
});

it("finds the scorer that a search names, with the secret that signs its calls", async () => {
  const api = new Api();
  await api.base("models-searched");
  const key = await api.tenant("models-search");
  const scorer = { name: "judge", url: "https://scores.trimtab.dev/v1", secret: "0123456789abcdef" };
  await api.call("POST", "/v1/steering/scorers", { key, body: scorer });
  const { models } = tenantObject(env, "models-search");
  const resolve = (search: unknown) =>
    models.resolve({ name: "models-searched", deltas: [], steering: SteeringObject.parse({ search }) });
  const found = await resolve({ by: { scorer: "judge" } });
  expect(found.steering?.resolved.search).toEqual({
    asked: { method: "best_of", best_of: 4, by: { scorer: "judge", deadline_ms: 5000, on_failure: "end" } },
    scorer: { tenant: "models-search", name: "judge", url: scorer.url, secret: scorer.secret },
  });
  expect(Object.keys((await resolve({})).steering!.resolved)).toContain("search");
  await expect(resolve({ by: { scorer: "none" } })).rejects.toMatchObject({
    code: "not_found",
    param: "steering.search.by.scorer",
  });
  await expect(resolve({ by: { reward: "ft:none" } })).rejects.toMatchObject({
    code: "model_not_found",
    param: "steering.search.by.reward",
  });
});

it("gives a request's scorer with what its calls need, for the Engine alone", async () => {
  const api = new Api();
  await api.base("models-scored");
  const key = await api.tenant("models-judge");
  const { models, scorers } = tenantObject(env, "models-judge");
  const secret = "0123456789abcdef";
  const url = "https://scores.trimtab.dev/v1";
  await scorers.create({ name: "judge", url, secret }, null);
  const steering = SteeringObject.parse({ rules: { scorer: "judge" } });
  const found = await models.resolve({ name: "models-scored", deltas: [], steering });
  expect(found.steering?.resolved.scorer).toEqual({ tenant: "models-judge", name: "judge", url, secret });
  expect(JSON.stringify(steeringEcho(found.steering))).not.toContain(secret);
  // A preset names it too; what it names is looked up when a request comes.
  const preset = { name: "judged", steering: { rules: { scorer: { name: "judge", every: 2 } } } };
  await api.call("POST", "/v1/steering/presets", { key, body: preset });
  const named = await models.resolve({ name: "models-scored", deltas: [], steering: "judged" });
  expect(named.steering?.resolved.scorer).toMatchObject({ name: "judge", secret });
  const plain = await models.resolve({ name: "models-scored", deltas: [], steering: {} });
  expect(plain.steering?.resolved).not.toHaveProperty("scorer");
  await scorers.delete("judge");
  const gone = models.resolve({ name: "models-scored", deltas: [], steering });
  await expect(gone).rejects.toMatchObject({ code: "not_found", param: "steering.rules.scorer" });
  const goneToo = models.resolve({ name: "models-scored", deltas: [], steering: "judged" });
  await expect(goneToo).rejects.toMatchObject({ code: "not_found", param: "steering" });
});
