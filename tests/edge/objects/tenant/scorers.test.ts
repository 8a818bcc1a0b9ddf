import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Api } from "../../support/api.ts";

it("a call gets the address and the secret, which no other answer has", async () => {
  const api = new Api();
  await api.tenant("judged");
  const { scorers } = tenantObject(env, "judged");
  const secret = "0123456789abcdef";
  const shown = await scorers.create({ name: "judge", url: "https://Scores.trimtab.dev:443", secret }, null);
  const url = "https://scores.trimtab.dev/";
  expect(await scorers.target("judge")).toEqual({ tenant: "judged", name: "judge", url, secret });
  const list = await scorers.list({ limit: 10 });
  expect(JSON.stringify([shown, await scorers.get("judge"), list])).not.toContain(secret);
  await scorers.delete("judge");
  await expect(scorers.target("judge")).rejects.toMatchObject({ code: "not_found", param: "steering" });
});
