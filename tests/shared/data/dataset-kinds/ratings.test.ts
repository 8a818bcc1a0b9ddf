import { describe, expect, it } from "vitest";
import { KindCheck } from "../../../../shared/data/dataset-kinds/kind-check.ts";
import { constantRatings, ratings } from "../../../../shared/data/dataset-kinds/ratings.ts";

const place = { number: 1, unit: "line", file: "ratings" } as const;
const rated = (rating: number) => ({ prompt: "a", completion: "b", rating });

describe("rated completions", () => {
  it("are shown behind their prompts", () => {
    expect(ratings.read({ ...rated(3), id: 1 }, place)).toEqual({
      examples: [{ kind: "completion", prompt: "a", completion: "b" }],
      ...{ layout: "rated completion", ignored: ["id"], trainable: true, group: "3" },
    });
  });

  it("are recognised beside what else a file is", () => {
    const kindsOf = (more: (rating: number) => object) => {
      const kinds = new KindCheck();
      for (const rating of [1, 2]) kinds.add({ ...rated(rating), ...more(rating) }, place);
      return kinds.end().kinds;
    };
    expect(kindsOf(() => ({}))).toEqual(["examples", "ratings"]);
    expect(kindsOf((rating) => ({ label: rating === 1 }))).toEqual(["unpaired_preferences", "ratings"]);
  });

  it("must differ", () => {
    const kinds = new KindCheck();
    for (const rating of [2, 2]) kinds.add(rated(rating), place);
    expect(kinds.end()).toMatchObject({
      kinds: ["examples"],
      unfit: { ratings: expect.stringContaining("the rating 2") },
    });
    expect(constantRatings("2", "f")).toMatchObject({ code: "invalid_file" });
  });
});
