import { expect, it } from "vitest";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { allocateTensor } from "../../../edge/runtime/resident-tensor.ts";
import { WindowCache } from "../../../edge/runtime/window-cache.ts";

it("makes a window once, and disposes the least recently used one", async () => {
  const memory = allocateTensor(await loadOrtModule(), "f32", [4]);
  const cache = new WindowCache(2);
  const get = (name: string) => cache.get(name, () => ({ x: memory.window([2]) }));
  const [a, b] = [get("a"), get("b")];
  expect(get("a")).toBe(a);
  const c = get("c");
  expect([a, b, c].map((window) => isAlive(window))).toEqual([true, false, true]);
  expect(get("b")).not.toBe(b);
  expect(isAlive(a)).toBe(false);
  cache.clear();
  expect(isAlive(c)).toBe(false);
  expect(memory.view()).toHaveLength(4);
});

function isAlive(window: Readonly<Record<string, { view(): unknown }>>): boolean {
  try {
    window.x!.view();
    return true;
  } catch {
    return false;
  }
}
