import { describe, expect, it } from "vitest";
import { corpusText } from "../../../../shared/evaluation/corpus.ts";
import { baseTexts } from "../../../../trainer/recipes/keeping/base-texts.ts";
import { TINY_FILES } from "../objectives/run-objective.ts";
import { OWN_TEXTS, TEXTS } from "./keeping-run.ts";

const encode = (text: string) => new TextEncoder().encode(text);

describe("baseTexts", () => {
  it("has what the base's folder has", () => {
    expect(baseTexts(OWN_TEXTS)).toMatchObject({
      corpus: TEXTS,
      heldOut: [expect.stringContaining("green"), expect.anything()],
    });
    expect(baseTexts(OWN_TEXTS).facts).toHaveLength(2);
    expect(baseTexts(TINY_FILES)).toEqual({ corpus: undefined, heldOut: [], facts: [] });
  });

  it("holds out the end of a corpus where the base has no probes, and never trains on it", () => {
    const { corpus, heldOut } = baseTexts(new Map(TINY_FILES).set("corpus.jsonl", encode(corpusText(TEXTS))));
    expect(heldOut).toEqual(TEXTS.slice(36));
    expect(corpus).toEqual(TEXTS.slice(0, 36));
  });

  it("takes a file that cannot be read for a missing one", () => {
    const files = new Map(TINY_FILES).set("corpus.jsonl", encode("{")).set("evaluation.json", encode("[]"));
    expect(baseTexts(files)).toEqual({ corpus: undefined, heldOut: [], facts: [] });
  });
});
