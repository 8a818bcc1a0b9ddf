import { describe, expect, it } from "vitest";
import { porterStem } from "../../../../shared/graders/text/porter-stemmer.ts";
import { GOLDEN } from "./golden.ts";

describe("porterStem", () => {
  it("gives nltk's stems", () => {
    expect(GOLDEN.stems.length).toBeGreaterThan(1000);
    const given = GOLDEN.stems.map(([word]) => [word, porterStem(word)]);
    expect(given).toEqual(GOLDEN.stems);
  });
});
