import { describe, expect, it } from "vitest";
import { Shelf, type Taken, type Wanted } from "../../../edge/serving/delta-cache.ts";
import { TrimtabError } from "../../../shared/errors.ts";

/** A shelf of strings, and what was read for it. */
function shelfOf(capacity: number) {
  const reads: string[] = [];
  const want = (key: string, bytes: number): Wanted<string> => ({
    key,
    bytes,
    read: async () => {
      reads.push(key);
      await Promise.resolve();
      return `value of ${key}`;
    },
  });
  const tooLarge = (bytes: number) => new TrimtabError("invalid_request", `${bytes} of ${capacity}`);
  return { shelf: new Shelf<string>(capacity, tooLarge), reads, want };
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

const releaseAll = (taken: readonly Taken<string>[]) => {
  for (const { release } of taken) release();
};

describe("Shelf", () => {
  it("gives values in the order in which they are wanted, read once each", async () => {
    const { shelf, reads, want } = shelfOf(10);
    const [one, other] = await Promise.all([
      shelf.take([want("a", 3), want("b", 3), want("a", 3)]),
      shelf.take([want("b", 3)]),
    ]);
    expect(one.values).toEqual(["value of a", "value of b", "value of a"]);
    expect(other.values).toEqual(["value of b"]);
    expect(reads).toEqual(["a", "b"]);
  });

  it("keeps what nobody uses until there is no room, the last used longest", async () => {
    const { shelf, reads, want } = shelfOf(10);
    for (const key of ["a", "b", "a", "c"]) (await shelf.take([want(key, 4)])).release();
    expect(reads).toEqual(["a", "b", "c"]);
    // b made room for c; a had been used after it.
    releaseAll([await shelf.take([want("a", 4)]), await shelf.take([want("b", 4)])]);
    expect(reads).toEqual(["a", "b", "c", "b"]);
  });

  it("waits for room, first come first served, and never drops what is used", async () => {
    const { shelf, reads, want } = shelfOf(10);
    const first = await shelf.take([want("a", 6)]);
    const second = shelf.take([want("b", 6)]);
    // There would be room for this one, but it came later.
    const third = shelf.take([want("c", 2)]);
    expect(await isSettled(second)).toBe(false);
    expect(await isSettled(third)).toBe(false);
    expect(reads).toEqual(["a"]);
    first.release();
    expect((await second).values).toEqual(["value of b"]);
    expect((await third).values).toEqual(["value of c"]);
    releaseAll([await second, await third]);
    // Those two left room for 2 of the 6 bytes of a.
    (await shelf.take([want("a", 6)])).release();
    expect(reads).toEqual(["a", "b", "c", "a"]);
  });

  it("needs no more room for what is in use already, nor any for nothing", async () => {
    const { shelf, want } = shelfOf(10);
    const held = await shelf.take([want("a", 10)]);
    const again = await shelf.take([want("a", 10)]);
    const waiting = shelf.take([want("b", 1)]);
    expect((await shelf.take([])).values).toEqual([]);
    held.release();
    expect(await isSettled(waiting)).toBe(false);
    again.release();
    (await waiting).release();
  });

  it("refuses more than it holds at once, without keeping anybody waiting", async () => {
    const { shelf, reads, want } = shelfOf(10);
    await expect(shelf.take([want("a", 6), want("b", 5)])).rejects.toThrow("11 of 10");
    expect(reads).toEqual([]);
    (await shelf.take([want("a", 10)])).release();
  });

  it("refuses those who come when too many wait", async () => {
    const { shelf, want } = shelfOf(1);
    const held = await shelf.take([want("a", 1)]);
    const waiting = Array.from({ length: 256 }, () => shelf.take([want("b", 1)]));
    await expect(shelf.take([want("b", 1)])).rejects.toMatchObject({
      code: "capacity_exceeded",
      message: "too many requests wait for this model; try again in a moment",
    });
    held.release();
    releaseAll(await Promise.all(waiting));
  });

  it("tries again after a value that could not be read, and lets the next one in", async () => {
    const { shelf, want } = shelfOf(10);
    const fails = { key: "a", bytes: 10, read: () => Promise.reject(new Error("gone")) };
    const [first, second] = [shelf.take([fails]), shelf.take([want("b", 10)])];
    await expect(first).rejects.toThrow("gone");
    (await second).release();
    expect((await shelf.take([want("a", 10)])).values).toEqual(["value of a"]);
  });
});
