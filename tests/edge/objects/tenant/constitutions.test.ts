import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { Api } from "../../support/api.ts";

const be = (what: string) => [{ principle: `Be ${what}.` }];

it("of two updates that expect the same version only one succeeds", async () => {
  await new Api().tenant("amending");
  const { constitutions } = tenantObject(env, "amending");
  await constitutions.create({ name: "kindness", principles: be("kind") }, null);
  const updates = await Promise.allSettled(
    ["fair", "calm"].map((word) => constitutions.update("kindness", { principles: be(word), if_version: 1 })),
  );
  expect(updates.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect((await constitutions.get("kindness")).version).toBe(2);
});

it("copies a version under its reference, and names the field of one that there is not", async () => {
  await new Api().tenant("copying");
  const { constitutions } = tenantObject(env, "copying");
  const label_prompt = "{{item.a}} {{item.b}}";
  await constitutions.create({ name: "kindness", principles: be("kind"), label_prompt }, null);
  expect(await constitutions.copy("kindness", "x")).toEqual({
    name: "kindness@1",
    principles: be("kind"),
    label_prompt,
  });
  for (const reference of ["kindness@2", "other", "no reference"]) {
    await expect(constitutions.copy(reference, "method.x")).rejects.toMatchObject({
      code: "not_found",
      param: "method.x",
    });
  }
});

it("never gives a number twice: a name that was deleted counts on", async () => {
  await new Api().tenant("returning");
  const { constitutions } = tenantObject(env, "returning");
  await constitutions.create({ name: "kindness", principles: be("kind") }, null);
  await constitutions.update("kindness", { principles: be("fair") });
  await constitutions.delete("kindness");
  expect(await constitutions.create({ name: "kindness", principles: be("calm") }, null)).toMatchObject({ version: 3 });
  for (const reference of ["kindness@1", "kindness@2"]) {
    await expect(constitutions.copy(reference, "x")).rejects.toMatchObject({ code: "not_found", param: "x" });
  }
  expect((await constitutions.copy("kindness", "x")).name).toBe("kindness@3");
  expect((await constitutions.versions("kindness", { limit: 9, order: "desc" } as never)).data).toHaveLength(1);
  await constitutions.delete("kindness");
  expect(await constitutions.create({ name: "kindness", principles: be("kind") }, null)).toMatchObject({ version: 4 });
  expect(await constitutions.create({ name: "other", principles: be("kind") }, null)).toMatchObject({ version: 1 });
});
