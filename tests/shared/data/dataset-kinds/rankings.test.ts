import { expect, it } from "vitest";
import { KindCheck } from "../../../../shared/data/dataset-kinds/kind-check.ts";
import { rankings } from "../../../../shared/data/dataset-kinds/rankings.ts";

const place = { number: 1, unit: "line", file: "ranks" } as const;

it("shows every completion behind its prompt, the best first, and is recognised", () => {
  const record = { prompt: "a", completions: ["b", "c", "d"], ranks: [2, 1, 3] };
  expect(rankings.read(record, place)).toEqual({
    examples: ["c", "b", "d"].map((completion) => ({ kind: "completion", prompt: "a", completion })),
    ...{ layout: "ranking", ignored: [], trainable: true },
  });
  const kinds = new KindCheck();
  kinds.add(record, place);
  expect(kinds.end()).toMatchObject({ kinds: ["rankings"], layouts: ["ranking"], trainable: 1 });
  expect(() => kinds.add({ prompt: "a", completions: ["b", "b"] }, place)).toThrow("is the same as completions[0]");
});
