import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Api } from "../../support/api.ts";

const against = (prompt: string) => ({ guidance: { negative_prompt: prompt, scale: 2 } });

it("of two updates that expect the same version only one succeeds", async () => {
  const api = new Api();
  await api.tenant("updating");
  const { presets } = tenantObject(env, "updating");
  await presets.create({ name: "calm", steering: {} }, null);
  const updates = await Promise.allSettled(
    ["a", "b"].map((word) => presets.update("calm", { steering: against(word), if_version: 1 })),
  );
  expect(updates.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect((await presets.get("calm")).version).toBe(2);
});

it("one unknown name among known ones, and there is no preset", async () => {
  const api = new Api();
  await api.base("small");
  await api.tenant("waiting");
  const { presets } = tenantObject(env, "waiting");
  const contrastive = { amateur: "small", alpha: 0.1, temperature: 0.5 };
  const steering = { contrastive, experts: [{ id: "ft:gone", weight: 1 }] };
  await expect(presets.create({ name: "late", steering }, null)).rejects.toMatchObject({
    code: "model_not_found",
    param: "steering.experts[0].id",
  });
  await expect(presets.get("late")).rejects.toMatchObject({ code: "not_found" });
});
