import { expect, it } from "vitest";
import { atMost } from "../../../edge/routes/at-most.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

it("works on so many at a time and no more, and keeps the results in order", async () => {
  let [running, most] = [0, 0];
  const work = async (item: number, index: number) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < (item % 3) + 1; i++) await turn();
    running--;
    return [item, index];
  };
  const items = Array.from({ length: 10 }, (_, i) => 10 - i);
  expect(await atMost(3, items, { work })).toEqual(items.map((item, index) => [item, index]));
  expect(most).toBe(3);
  expect(await atMost(3, [], { work })).toEqual([]);
});

it("begins nothing after an error, tells of it, and waits for what has begun", async () => {
  const [begun, ended]: [number[], number[]] = [[], []];
  let failures = 0;
  const work = async (item: number) => {
    begun.push(item);
    await turn();
    if (item === 1) throw new Error("first");
    await turn();
    ended.push(item);
    if (item === 0) throw new Error("second");
  };
  const failed = () => void failures++;
  await expect(atMost(2, [0, 1, 2, 3, 4], { work, failed })).rejects.toThrow("first");
  expect([begun, ended, failures]).toEqual([[0, 1], [0], 2]);
});
