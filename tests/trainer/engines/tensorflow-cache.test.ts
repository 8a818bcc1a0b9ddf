import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { createTensorFlowExecutor } from "../../../trainer/engines/tensorflow.ts";
import { onBackend } from "../../../trainer/engines/tensorflow-backend.ts";
import { TensorFlowCache } from "../../../trainer/engines/tensorflow-cache.ts";

// What both executors' caches do is in tests/contract/caches.test.ts.
it("keeps one tensor on its backend, whatever is written to it", async () => {
  await createTensorFlowExecutor({ tfjsBackend: "cpu" });
  const before = tf.memory().numTensors;
  const cache = await TensorFlowCache.create({ slots: 2, heads: 1, capacity: 4, width: 2 }, "cpu");
  const window = { cache, first: 0, count: 1 };
  await onBackend("cpu", () => {
    const added = tf.ones([1, 1, 2, 2]);
    cache.append("added", { window, at: [1] }, added);
    added.dispose();
  });
  await cache.copy(0, 1);
  await cache.grow(6);
  expect(tf.memory().numTensors).toBe(before + 1);
  const view = await onBackend("cpu", () => cache.view({ cache, first: 1, count: 1 }));
  expect([...(await view.data())]).toEqual([0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  view.dispose();
  await cache.dispose();
  expect(tf.memory().numTensors).toBe(before);
});
