import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { dispatcherObject } from "../../../../edge/objects/remote.ts";
import { fileList, tinyBase } from "../../support/tiny-base.ts";

it("a base is ready once it is published, and one that is not sound is forgotten", async () => {
  const { bases } = dispatcherObject(env);
  const folder = tinyBase();
  const files = await fileList(folder);
  await bases.announce({ id: "bases-a", files }, null);
  await expect(bases.publish("bases-a")).rejects.toMatchObject({ code: "invalid_model" });
  await expect(bases.get("bases-a")).rejects.toMatchObject({ code: "model_not_found" });
  await bases.announce({ id: "bases-b", files }, null);
  for (const { name, sha256 } of files) {
    const { key, ready } = await bases.file("bases-b", name);
    expect(ready).toBe(false);
    await env.BLOBS.put(key, folder.get(name)!, { sha256 });
  }
  expect(await bases.ready("bases-b")).toBeNull();
  expect(await bases.publish("bases-b")).toMatchObject({ status: "ready" });
  expect(await bases.ready("bases-b")).toMatchObject({ id: "bases-b", prefix: expect.stringMatching(/^bases\//) });
  expect((await bases.list()).map(({ id }) => id)).toEqual(["bases-b"]);
});
