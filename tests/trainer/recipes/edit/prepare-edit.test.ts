import { expect, it } from "vitest";
import { paced } from "../../../../trainer/recipes/edit/prepare-edit.ts";

it("reports once a second, and the end always", () => {
  let now = 0;
  const said: number[] = [];
  const report = paced(
    () => now,
    (done) => void said.push(done),
  );
  for (const [at, done] of [
    [0, 1],
    [0.4, 2],
    [0.9, 3],
    [1.1, 4],
    [1.2, 5],
    [1.3, 10],
  ] as const) {
    now = at;
    report(done, 10);
  }
  expect(said).toEqual([1, 4, 10]);
});
