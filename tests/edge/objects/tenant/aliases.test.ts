import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Api } from "../../support/api.ts";

it("of two moves that expect the same model only one succeeds", async () => {
  const api = new Api();
  for (const id of ["one", "two", "three"]) await api.base(id);
  await api.tenant("racing");
  const { aliases, models } = tenantObject(env, "racing");
  await aliases.create({ id: "bot", model: "one" }, null);
  const moves = await Promise.allSettled(
    ["two", "three"].map((model) => aliases.move("bot", { model, if_model: "one" })),
  );
  expect(moves.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const { model, version } = await aliases.get("bot");
  expect(version).toBe(2);
  expect((await models.resolve({ name: "bot", deltas: [] })).model.base.id).toBe(model);
});

it("requests that come while an alias moves get one model or the other, whole", async () => {
  const api = new Api();
  for (const id of ["left", "right"]) await api.base(id);
  await api.tenant("moving");
  const { aliases, models } = tenantObject(env, "moving");
  await aliases.create({ id: "bot", model: "left" }, null);
  const [, ...resolved] = await Promise.all([
    aliases.move("bot", { model: "right" }),
    ...Array.from({ length: 8 }, () => models.resolve({ name: "bot", deltas: [] })),
  ]);
  for (const { model } of resolved) expect(model.base.prefix).toContain(`/${model.base.id}/`);
  expect((await models.resolve({ name: "bot", deltas: [] })).model.base.id).toBe("right");
});
