import { expect, it } from "vitest";
import { Rest } from "../../../edge/serving/rest.ts";

/** Whether a rest is over before the others' promises have had their turn. */
async function isOver(rest: Promise<void>): Promise<boolean> {
  let over = false;
  void rest.then(() => {
    over = true;
  });
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return over;
}

it("lasts until it is ended", async () => {
  const rest = new Rest();
  const taken = rest.take();
  expect(await isOver(taken)).toBe(false);
  rest.end();
  expect(await isOver(taken)).toBe(true);
  expect(await isOver(rest.take())).toBe(false);
});

it("is not taken where it was ended before it began, once", async () => {
  const rest = new Rest();
  rest.end();
  rest.end();
  expect(await isOver(rest.take())).toBe(true);
  expect(await isOver(rest.take())).toBe(false);
});

it("ends by itself", async () => {
  await new Rest().take();
});
