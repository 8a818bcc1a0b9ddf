import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../edge/objects/remote.ts";
import { remote, stubOf } from "../../../edge/objects/rpc.ts";

it("a call by name is one call of the object's only method", async () => {
  const calls: unknown[] = [];
  const object = remote<{ calls: { files: { list(limit: number): string[] } } }>({
    invoke: async (...call) => {
      calls.push(call);
      return { ok: true, value: ["a"] };
    },
  });
  const files: string[] = await object.files.list(3);
  expect(files).toEqual(["a"]);
  expect(calls).toEqual([["files", "list", [3]]]);
});

it("a module has its own calls and nothing that all objects have", async () => {
  expect(await stubOf(env.TENANT, "rpc-nobody").invoke("files", "constructor", [])).toMatchObject({ ok: false });
  const tenant = tenantObject(env, "rpc-nobody") as unknown as Record<string, Record<string, () => Promise<unknown>>>;
  await expect(tenant.files?.valueOf?.()).rejects.toMatchObject({ code: "internal_error" });
});
