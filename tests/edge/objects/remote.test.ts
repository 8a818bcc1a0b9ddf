import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { dispatcherObject, tenantObject } from "../../../edge/objects/remote.ts";

describe("objects from elsewhere", () => {
  it("answer with values", async () => {
    expect(await dispatcherObject(env).bases.ready("nothing")).toBeNull();
  });

  it("throw their errors with codes", async () => {
    await expect(tenantObject(env, "remote-nobody").account.info()).rejects.toMatchObject({
      code: "not_found",
      param: "tenant",
    });
  });
});
