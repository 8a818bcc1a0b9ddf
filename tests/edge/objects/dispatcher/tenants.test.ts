import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { dispatcherObject } from "../../../../edge/objects/remote.ts";

it("a tenant that is noted twice is listed once, newest first", async () => {
  const { tenants } = dispatcherObject(env);
  for (const id of ["one", "two", "one"]) await tenants.note(id);
  expect((await tenants.list({ limit: 5 })).data.map(({ id }) => id)).toEqual(["two", "one"]);
  expect(await tenants.list({ limit: 1, after: "two" })).toMatchObject({ data: [{ id: "one" }], has_more: false });
});
