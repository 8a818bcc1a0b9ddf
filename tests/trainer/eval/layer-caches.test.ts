import { expect, it } from "vitest";
import type { CacheWindow } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { LayerCaches } from "../../../trainer/eval/layer-caches.ts";
import { goldenModel } from "../../shared/model/golden-models.ts";

it("has a key and a value for every layer, all of one size that grows in steps", async () => {
  const { config } = await goldenModel("plain");
  const caches = await LayerCaches.create(createOnnxRuntimeExecutor({ threads: 1 }), config, { slots: 3, limit: 150 });
  expect(caches.capacity).toBe(64);
  await caches.reserve(64);
  expect(caches.capacity).toBe(64);
  await caches.reserve(65);
  expect(caches.capacity).toBe(128);
  await caches.reserve(10);
  expect(caches.capacity).toBe(128);

  const feeds = caches.feeds(1, 2);
  const names = Array.from({ length: config.layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
  expect(Object.keys(feeds)).toEqual(names.map((name) => `past.${name}`));
  for (const feed of Object.values(feeds) as CacheWindow[]) {
    expect(feed).toMatchObject({ first: 1, count: 2 });
    expect(feed.cache.shape).toEqual({ slots: 3, heads: config.kvHeads, capacity: 128, width: config.headDim });
  }
  const appends = caches.appends(1, [5, 6]);
  expect(Object.keys(appends)).toEqual(names.map((name) => `present.${name}`));
  for (const [i, { window, at }] of Object.values(appends).entries()) {
    expect(window).toEqual(Object.values(feeds)[i]);
    expect(at).toEqual([5, 6]);
  }
  await caches.reserve(129);
  expect(caches.capacity).toBe(150);
  await caches.dispose();
});

it("begins with the limit if that is less, and with more for wide heads, whose products are divided by it", async () => {
  const { config } = await goldenModel("plain");
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const capacityOf = async (headDim: number, limit: number) => {
    const caches = await LayerCaches.create(executor, { ...config, headDim }, { slots: 1, limit });
    const { capacity } = caches;
    await caches.dispose();
    return capacity;
  };
  expect(await capacityOf(32, 40)).toBe(40);
  expect(await capacityOf(128, 300)).toBe(64);
  expect(await capacityOf(160, 300)).toBe(128);
});
