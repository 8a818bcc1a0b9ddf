import { expect, it } from "vitest";
import { HoldHeaders, heldJob } from "../../../edge/routes/route.ts";

it("a trainer's headers say which job of whose it holds", () => {
  const headers = HoldHeaders.parse({ "x-trimtab-tenant": "acme", "x-trimtab-fence": "7", host: "x" });
  expect(heldJob("j", headers)).toEqual({ tenant: "acme", hold: { job: "j", fence: 7 } });
  for (const fence of ["", "0", "-1", "1.5", "x"]) {
    expect(HoldHeaders.safeParse({ "x-trimtab-tenant": "acme", "x-trimtab-fence": fence }).success).toBe(false);
  }
});
