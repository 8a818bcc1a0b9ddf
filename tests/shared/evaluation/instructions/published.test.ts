import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PUBLISHED_IDS, publishedInstructions } from "../../../../shared/evaluation/instructions/published.ts";
import { followsLoosely, followsStrictly } from "../../../../shared/evaluation/instructions/registry.ts";

interface Verdicts {
  readonly texts: readonly string[];
  readonly kinds: readonly {
    readonly id: string;
    readonly kwargs: Readonly<Record<string, unknown>>;
    readonly strict: string;
    readonly loose: string;
  }[];
}

const GOLDEN = new URL("../../../golden/instructions/verdicts.json", import.meta.url);
const { texts, kinds } = JSON.parse(readFileSync(GOLDEN, "utf8")) as Verdicts;

/**
 * What the references decide by a model of their own is not reproduced but approximated: the share of texts on which both agree.
 * Everything else must agree on every text.
 */
const AGREEMENT: Readonly<Record<string, number>> = {
  "language:response_language": 0.88,
  "change_case:english_capital": 0.95,
  "change_case:english_lowercase": 0.93,
  "words:start_verb": 0.85,
};

describe("the verifiers and their references", () => {
  it("are the same instructions", () => {
    expect(new Set(kinds.map(({ id }) => id))).toEqual(PUBLISHED_IDS);
    expect(PUBLISHED_IDS.size).toBe(25 + 58);
  });

  it.each(kinds)("agree on $id with $kwargs", ({ id, kwargs, strict, loose }) => {
    const [instruction] = publishedInstructions([id], [kwargs], "item");
    const differing: string[] = [];
    for (const [i, text] of texts.entries()) {
      for (const [expected, follows] of [
        [strict[i], followsStrictly],
        [loose[i], followsLoosely],
      ] as const) {
        const got = follows(text, instruction!);
        if (expected !== (got ? "1" : "0") && !(expected === "x" && !got)) differing.push(`${expected}: ${text}`);
      }
    }
    const least = AGREEMENT[id];
    if (least === undefined) expect(differing).toEqual([]);
    else expect(1 - differing.length / (2 * texts.length)).toBeGreaterThanOrEqual(least);
  });

  it("hold texts that follow each instruction, and texts that do not", () => {
    for (const id of PUBLISHED_IDS) {
      const verdicts = kinds.filter((kind) => kind.id === id).map(({ strict }) => strict);
      expect(verdicts.join(""), id).toMatch(/1/);
      expect(verdicts.join(""), id).toMatch(/0/);
    }
  });
});
