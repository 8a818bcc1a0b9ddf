import { expect, it } from "vitest";
import { Places } from "../../../edge/scoring/places.ts";

const never = new AbortController().signal;

it("hands a place to the first that waits and may have it", async () => {
  const places = new Places({ ofTenant: 1, ofAll: 2, waiting: 10 });
  const order: string[] = [];
  const [a, b] = [await places.take("a", never), await places.take("b", never)];
  const waits = ["a", "c", "b"].map(async (tenant) => {
    const back = await places.take(tenant, never);
    order.push(tenant);
    return back;
  });
  b?.();
  b?.();
  const third = await waits[1];
  expect(order).toEqual(["c"]);
  a?.();
  const second = await waits[0];
  expect(order).toEqual(["c", "a"]);
  third?.();
  await waits[2];
  expect(order).toEqual(["c", "a", "b"]);
  second?.();
});

it("forgets one whose signal fires, and throws its reason", async () => {
  const places = new Places({ ofTenant: 1, ofAll: 1, waiting: 1 });
  const back = await places.take("a", never);
  const ending = new AbortController();
  const waits = places.take("a", ending.signal);
  expect(await places.take("a", never)).toBeUndefined();
  ending.abort(new Error("enough"));
  await expect(waits).rejects.toThrow("enough");
  await expect(places.take("a", AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
  back?.();
  expect(await places.take("a", never)).toBeTypeOf("function");
});
