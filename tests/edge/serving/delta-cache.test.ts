import { describe, expect, it } from "vitest";
import { type Acquired, type CacheRequest, DeltaCache } from "../../../edge/serving/delta-cache.ts";
import { TrimtabError } from "../../../shared/errors.ts";

/** A cache of strings, and what was read for it. */
function cacheOf(capacity: number) {
  const reads: string[] = [];
  const want = (key: string, bytes: number): CacheRequest<string> => ({
    key,
    bytes,
    read: async () => {
      reads.push(key);
      await Promise.resolve();
      return `value of ${key}`;
    },
  });
  const tooLarge = (bytes: number) => new TrimtabError("invalid_request", `${bytes} of ${capacity}`);
  const cache = new DeltaCache<string>(capacity, tooLarge);
  const acquire = (requests: readonly CacheRequest<string>[], tenant = "acme") => cache.acquire(tenant, requests);
  return { acquire, reads, want };
}

/** Whether a promise is settled after what is ready has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  await new Promise((resolve) => setTimeout(resolve, 0));
  return settled;
}

const releaseAll = (acquired: readonly Acquired<string>[]) => {
  for (const { release } of acquired) release();
};

describe("DeltaCache", () => {
  it("gives values in the order in which they are wanted, read once each", async () => {
    const { acquire, reads, want } = cacheOf(10);
    const [one, other] = await Promise.all([
      acquire([want("a", 3), want("b", 3), want("a", 3)]),
      acquire([want("b", 3)]),
    ]);
    expect(one.values).toEqual(["value of a", "value of b", "value of a"]);
    expect(other.values).toEqual(["value of b"]);
    expect(reads).toEqual(["a", "b"]);
  });

  it("keeps what nobody uses until there is no room, the last used longest", async () => {
    const { acquire, reads, want } = cacheOf(10);
    for (const key of ["a", "b", "a", "c"]) (await acquire([want(key, 4)])).release();
    expect(reads).toEqual(["a", "b", "c"]);
    // b made room for c; a had been used after it.
    releaseAll([await acquire([want("a", 4)]), await acquire([want("b", 4)])]);
    expect(reads).toEqual(["a", "b", "c", "b"]);
  });

  it("waits for room, first come first served, and never drops what is used", async () => {
    const { acquire, reads, want } = cacheOf(10);
    const first = await acquire([want("a", 6)]);
    const second = acquire([want("b", 6)]);
    // There would be room for this one, but it came later.
    const third = acquire([want("c", 2)]);
    expect(await isSettled(second)).toBe(false);
    expect(await isSettled(third)).toBe(false);
    expect(reads).toEqual(["a"]);
    first.release();
    expect((await second).values).toEqual(["value of b"]);
    expect((await third).values).toEqual(["value of c"]);
    releaseAll([await second, await third]);
    // Those two left room for 2 of the 6 bytes of a.
    (await acquire([want("a", 6)])).release();
    expect(reads).toEqual(["a", "b", "c", "a"]);
  });

  it("needs no more room for what is in use already, nor any for nothing", async () => {
    const { acquire, want } = cacheOf(10);
    const held = await acquire([want("a", 10)]);
    const again = await acquire([want("a", 10)]);
    const waiting = acquire([want("b", 1)]);
    expect((await acquire([])).values).toEqual([]);
    held.release();
    expect(await isSettled(waiting)).toBe(false);
    again.release();
    (await waiting).release();
  });

  it("refuses more than it holds at once, without keeping anybody waiting", async () => {
    const { acquire, reads, want } = cacheOf(10);
    await expect(acquire([want("a", 6), want("b", 5)])).rejects.toThrow("11 of 10");
    expect(reads).toEqual([]);
    (await acquire([want("a", 10)])).release();
  });

  it("takes tenants in turn, so that one who waits with many holds up another only once", async () => {
    const { acquire, want } = cacheOf(10);
    const held = await acquire([want("a", 10)]);
    const order: string[] = [];
    const wait = async (name: string, tenant: string) => {
      const { release } = await acquire([want(name, 10)], tenant);
      order.push(name);
      release();
    };
    const many = Array.from({ length: 20 }, (_, i) => wait(`acme ${i}`, "acme"));
    const single = wait("other", "other");
    held.release();
    await Promise.all([...many, single]);
    expect(order.indexOf("other")).toBeLessThanOrEqual(1);
    expect(order.filter((name) => name !== "other")).toEqual(Array.from({ length: 20 }, (_, i) => `acme ${i}`));
  });

  it("lets small requests of others pass a large one only so often", async () => {
    const { acquire, want } = cacheOf(10);
    const held = await acquire([want("a", 6)]);
    const large = acquire([want("b", 6)], "large");
    const small = Array.from({ length: 30 }, (_, i) => acquire([want(`s${i}`, 1)], `small ${i}`));
    let passed = 0;
    for (const one of small) if (await isSettled(one)) passed++;
    // There is room for four more beside the first, and those stay.
    expect(passed).toBe(4);
    for (const one of small.slice(0, 4)) (await one).release();
    expect(await isSettled(small[8]!)).toBe(false);
    held.release();
    (await large).release();
    await Promise.all(small.slice(4).map(async (one) => (await one).release()));
  });

  it("refuses who has too much waiting, and nobody else", async () => {
    const { acquire, want } = cacheOf(1);
    const held = await acquire([want("a", 1)]);
    const waiting = Array.from({ length: 256 }, () => acquire([want("b", 1)]));
    await expect(acquire([want("b", 1)])).rejects.toMatchObject({
      code: "rate_limit_exceeded",
      message: expect.stringMatching(/^Too many of your requests wait/),
    });
    const other = acquire([want("c", 1)], "other");
    held.release();
    // Some of those that need no more room pass the other one, and the rest come after it.
    let passed = 0;
    const all = waiting.map(async (one) => {
      const { release } = await one;
      passed++;
      await Promise.resolve();
      release();
    });
    (await other).release();
    expect(passed).toBeLessThan(12);
    await Promise.all(all);
  });

  it("discards what nobody uses once another is read, where it is told how", async () => {
    const discarded: string[] = [];
    const tooLarge = () => new TrimtabError("invalid_request", "too large");
    const cache = new DeltaCache<string>(10, tooLarge, (value) => discarded.push(value));
    const want = (key: string) => ({ key, bytes: 4, read: async () => key });
    (await cache.acquire("t", [want("a")])).release();
    const again = await cache.acquire("t", [want("a")]);
    expect(discarded).toEqual([]);
    const other = await cache.acquire("t", [want("b")]);
    again.release();
    expect(discarded).toEqual([]);
    other.release();
    const third = await cache.acquire("t", [want("c")]);
    expect(discarded.toSorted()).toEqual(["a", "b"]);
    third.release();
  });

  it("tries again after a value that could not be read, and lets the next one in", async () => {
    const { acquire, want } = cacheOf(10);
    const fails = { key: "a", bytes: 10, read: () => Promise.reject(new Error("gone")) };
    const [first, second] = [acquire([fails]), acquire([want("b", 10)])];
    await expect(first).rejects.toThrow("gone");
    (await second).release();
    expect((await acquire([want("a", 10)])).values).toEqual(["value of a"]);
  });
});
