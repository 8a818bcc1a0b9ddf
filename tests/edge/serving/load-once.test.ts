import { describe, expect, it } from "vitest";
import { LoadOnce } from "../../../edge/serving/load-once.ts";

describe("LoadOnce", () => {
  it("loads once for all who ask while it loads, and after", async () => {
    const loads = new LoadOnce<string>();
    let count = 0;
    const load = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return `value ${++count}`;
    };
    expect(await Promise.all([loads.get("a", load), loads.get("a", load)])).toEqual(["value 1", "value 1"]);
    expect(await loads.get("a", load)).toBe("value 1");
    expect(await loads.get("b", load)).toBe("value 2");
  });

  it("lists what has been loaded by now", async () => {
    const loads = new LoadOnce<number>();
    const { promise, resolve } = Promise.withResolvers<number>();
    const slow = loads.get("slow", () => promise);
    await loads.get("quick", async () => 1);
    expect(loads.loaded()).toEqual([["quick", 1]]);
    resolve(2);
    await slow;
    expect(loads.loaded()).toEqual([
      ["slow", 2],
      ["quick", 1],
    ]);
  });

  it("tells everybody who waits of a failure, and tries again for the next", async () => {
    const loads = new LoadOnce<string>();
    const fail = async () => {
      throw new Error("no such model");
    };
    const both = await Promise.allSettled([loads.get("a", fail), loads.get("a", fail)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await loads.get("a", async () => "there")).toBe("there");
  });

  it("loads anew what was forgotten, and an old failure does not undo that", async () => {
    const loads = new LoadOnce<string>();
    const { promise, reject } = Promise.withResolvers<string>();
    const first = loads.get("a", () => promise);
    loads.forget("a");
    const second = loads.get("a", async () => "second");
    reject(new Error("late"));
    await expect(first).rejects.toThrow("late");
    await second;
    expect(loads.loaded()).toEqual([["a", "second"]]);
    loads.forget("a");
    expect(loads.loaded()).toEqual([]);
  });
});
