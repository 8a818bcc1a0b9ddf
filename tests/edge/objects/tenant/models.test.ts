import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Api } from "../../support/api.ts";

it("a base that is not there is an unknown model", async () => {
  const api = new Api();
  await api.base("models-base");
  await api.tenant("models-tenant");
  const tenant = tenantObject(env, "models-tenant");
  await expect(tenant.models.resolve("nothing", [])).rejects.toMatchObject({ code: "model_not_found", param: "model" });
  expect(await tenant.models.resolve("models-base", [])).toMatchObject({ weights: null, deltas: [] });
  expect([await tenant.models.get("models-base"), await tenant.models.list()]).toEqual([null, []]);
  await expect(tenant.models.delete("models-base")).rejects.toMatchObject({ code: "model_not_found" });
});
