import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { firstSentence } from "../../../../../shared/data/inspect/diversity/english-tagger.ts";
import { verbNounFigures, verbNounOf } from "../../../../../shared/data/inspect/diversity/verb-noun.ts";

interface Parsed {
  readonly text: string;
  readonly verb: string | null;
  readonly noun: string | null;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../../golden/data-inspection/verb-noun.json", import.meta.url), "utf8"),
) as { readonly instructions: readonly Parsed[]; readonly unseen: readonly Parsed[] };

const of = (text: string) => verbNounOf(firstSentence(text));

function agreement(instructions: readonly Parsed[]): { readonly verbs: number; readonly pairs: number } {
  const read = instructions.map(({ text, verb, noun }) => {
    const found = of(text);
    const isVerb = (found?.verb ?? null) === verb;
    return { isVerb, isPair: isVerb && (found?.noun ?? null) === noun };
  });
  const share = (of: (one: (typeof read)[number]) => boolean) => read.filter(of).length / read.length;
  return { verbs: share(({ isVerb }) => isVerb), pairs: share(({ isPair }) => isPair) };
}

describe("verbNounOf", () => {
  test("agrees with spaCy's parse, also on instructions that it was not made with", () => {
    expect(agreement(golden.instructions)).toMatchObject({
      verbs: expect.closeTo(0.97, 1),
      pairs: expect.closeTo(0.96, 1),
    });
    const unseen = agreement(golden.unseen);
    expect(unseen.verbs).toBeGreaterThanOrEqual(0.85);
    expect(unseen.pairs).toBeGreaterThanOrEqual(0.75);
  });

  test("reads the first sentence alone", () => {
    expect(of("Write a poem. Explain the rules of chess.")).toEqual({ verb: "write", noun: "poem" });
    expect(of("")).toBeUndefined();
    expect(of("The sky is blue.")).toBeUndefined();
  });
});

describe("verbNounFigures", () => {
  test("counts verbs and the nouns that they are about", () => {
    const pairs = ["story", "story", "poem", null].map((noun) => ({ verb: "write", noun }));
    expect(verbNounFigures([...pairs, { verb: "list", noun: "planet" }, undefined])).toEqual({
      instructions: 6,
      with_verb: 5,
      with_pair: 4,
      distinct_verbs: 2,
      distinct_pairs: 3,
      evenness: expect.closeTo(0.75, 6),
      verbs: [
        {
          verb: "write",
          count: 4,
          nouns: [
            { noun: "story", count: 2 },
            { noun: "poem", count: 1 },
          ],
        },
        { verb: "list", count: 1, nouns: [{ noun: "planet", count: 1 }] },
      ],
    });
    expect(verbNounFigures([])).toMatchObject({ with_pair: 0, evenness: null, verbs: [] });
  });
});
