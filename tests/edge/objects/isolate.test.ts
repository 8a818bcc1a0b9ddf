import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { isolateName } from "../../../edge/objects/isolate.ts";

it("is one name for as long as the isolate lives, objects that come and go included", async () => {
  const object = env.TENANT.get(env.TENANT.idFromName("isolate"));
  const name = isolateName();
  const within = () => runInDurableObject(object, () => isolateName());
  expect(await within()).toBe(name);
  await evictDurableObject(object);
  expect(await within()).toBe(name);
});
