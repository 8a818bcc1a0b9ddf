import { expect, it } from "vitest";
import { HostCache, hostCache } from "../../../trainer/engines/host-cache.ts";

// What both executors' caches do is in tests/contract/caches.test.ts.
it("is fed from where it lies, without a copy", async () => {
  const cache = new HostCache({ slots: 3, heads: 1, capacity: 2, width: 4 });
  const window = { cache, first: 1, count: 2 };
  const view = hostCache(window).view(window);
  expect(view.shape).toEqual([2, 1, 2, 4]);
  const whole = hostCache(window).view({ cache, first: 0, count: 3 });
  expect(view.data.buffer).toBe(whole.data.buffer);
  expect(view.data.byteOffset).toBe(8 * Float32Array.BYTES_PER_ELEMENT);
  await cache.dispose();
});
