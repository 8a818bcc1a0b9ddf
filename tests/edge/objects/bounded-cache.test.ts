import { describe, expect, it } from "vitest";
import { BoundedCache } from "../../../edge/objects/bounded-cache.ts";

/** Which of the keys are there, without using them. */
function kept(cache: BoundedCache<string>, keys: string): string {
  return [...keys].filter((key) => cache.get(key) === key).join("");
}

function filled(capacity: number, sizes: Readonly<Record<string, number>>): BoundedCache<string> {
  const cache = new BoundedCache<string>(capacity);
  for (const [key, size] of Object.entries(sizes)) cache.set(key, key, size);
  return cache;
}

describe("BoundedCache", () => {
  it("drops the values that were not used for longest", () => {
    expect(kept(filled(10, { a: 4, b: 3, c: 3 }), "abc")).toBe("abc");
    expect(kept(filled(10, { a: 4, b: 3, c: 3, d: 5 }), "abcd")).toBe("cd");
    const cache = filled(10, { a: 4, b: 3, c: 3 });
    cache.get("a");
    cache.set("d", "d", 3);
    expect(kept(cache, "abcd")).toBe("acd");
  });

  it("keeps nothing that is larger than all of it, and drops nothing for it", () => {
    const cache = filled(10, { a: 4, b: 6 });
    cache.set("c", "c", 11);
    expect(kept(cache, "abc")).toBe("ab");
  });

  it("counts a value that is set again once", () => {
    const cache = filled(10, { a: 4, b: 3 });
    cache.set("a", "a", 7);
    expect(kept(cache, "ab")).toBe("ab");
    cache.set("b", "b", 4);
    expect(kept(cache, "ab")).toBe("b");
  });

  it("forgets an old value even where the new one is too large", () => {
    const cache = filled(10, { a: 4 });
    cache.set("a", "new", 11);
    expect(cache.get("a")).toBeUndefined();
    cache.set("b", "b", 10);
    expect(kept(cache, "b")).toBe("b");
  });

  it("gives room back for what is deleted", () => {
    const cache = filled(10, { a: 4, b: 6 });
    cache.delete("b");
    cache.delete("unknown");
    cache.set("c", "c", 6);
    expect(kept(cache, "abc")).toBe("ac");
  });
});
