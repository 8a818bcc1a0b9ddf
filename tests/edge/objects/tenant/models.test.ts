import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
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
