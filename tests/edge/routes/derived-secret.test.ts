import { expect, it } from "vitest";
import { derivedSecret } from "../../../edge/routes/derived-secret.ts";

it("a derived secret is the same for the same token and salt, and for no others", async () => {
  const secret = await derivedSecret("token", "salt");
  expect(secret).toMatch(/^[0-9A-Za-z]{43}$/);
  expect(await derivedSecret("token", "salt")).toBe(secret);
  const others = await Promise.all([
    derivedSecret("token", "salt2"),
    derivedSecret("token2", "salt"),
    derivedSecret("", ""),
  ]);
  expect(new Set([secret, ...others]).size).toBe(4);
});
