import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CLAIM_MS } from "../../../edge/objects/idempotency.ts";
import { isolateName } from "../../../edge/objects/isolate.ts";
import { newHolder, renewing } from "../../../edge/routes/renewing.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

it("renews a claim several times before it lapses, also after a failure, and not once the work has ended", async () => {
  let renewals = 0;
  const renew = async () => {
    renewals += 1;
    if (renewals === 1) throw new Error("the object is away");
  };
  let end = (_: string) => {};
  const ended = renewing(renew, () => new Promise<string>((resolve) => (end = resolve)));
  vi.advanceTimersByTime(CLAIM_MS);
  expect(renewals).toBeGreaterThanOrEqual(3);
  const before = renewals;
  end("done");
  expect(await ended).toBe("done");
  vi.advanceTimersByTime(CLAIM_MS);
  expect(renewals).toBe(before);
});

it("holds a claim under a new name each, in the isolate of the request", () => {
  const [one, two] = [newHolder(), newHolder()];
  expect(one.id).not.toBe(two.id);
  expect([one.isolate, two.isolate]).toEqual([isolateName(), isolateName()]);
});

it("ends with work that throws", async () => {
  const renew = vi.fn(async () => {});
  await expect(renewing(renew, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  vi.advanceTimersByTime(CLAIM_MS);
  expect(renew).not.toHaveBeenCalled();
});
