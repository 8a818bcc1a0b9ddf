import { describe, expect, test } from "vitest";
import { type AugmentOptions, augmented } from "../../../../shared/data/augment/augment.ts";
import { AUGMENT_RULE_NAMES, AUGMENT_RULES } from "../../../../shared/data/augment/registry.ts";
import { datasetKind } from "../../../../shared/data/dataset-kinds/registry.ts";
import type { Example } from "../../../../shared/data/example.ts";

const options: AugmentOptions = { rules: [], copies: 1, seed: 7, withOriginals: false };
const pair = (prompt: string, completion: string): Example => ({ kind: "completion", prompt, completion });
const make = (given: readonly Example[], more: Partial<AugmentOptions>) =>
  [
    ...augmented(
      given.map((example, at) => ({ line: at + 1, example })),
      { ...options, ...more },
    ),
  ].map(({ provenance, ...record }) => ({ provenance, record }));

const ORDER = pair("Write a poem about tea.", "Leaves unfold.");
const QUESTION = pair("What is the capital of France?", "Paris.");
const FIELDS = pair("Describe the person.\nName: Ada\nColour: green\nTown: Ryde", "Ada lives in Ryde.");
const CHAT: Example = {
  kind: "chat",
  messages: [
    { role: "user", content: "List three rivers.\nIn Europe." },
    { role: "assistant", content: "Rhine, Rhône, Po." },
  ],
};
const TEXTS = [ORDER, QUESTION, FIELDS, CHAT];

describe("augmented", () => {
  test.each(AUGMENT_RULE_NAMES)("makes lines that datasets may have, by %s, the same for a seed alone", (rule) => {
    const made = make(TEXTS, { rules: [rule], copies: 3 });
    expect(made.length).toBeGreaterThan(0);
    const kind = datasetKind(AUGMENT_RULES[rule].makes === "pairs" ? "preference_pairs" : "examples");
    for (const [at, { record, provenance }] of made.entries()) {
      const place = { number: at + 1, unit: "line", file: "made" } as const;
      expect(() => kind.read({ ...record, provenance }, place)).not.toThrow();
      expect(provenance).toMatchObject({ rule, seed: 7 });
    }
    expect(make(TEXTS, { rules: [rule], copies: 3 })).toEqual(made);
    const texts = made.map(({ record }) => JSON.stringify(record));
    expect(new Set(texts).size).toBe(texts.length);
    expect(make(TEXTS, { rules: [rule], copies: 3, seed: 8 })).not.toEqual(made);
  });

  test("leaves a line that a rule cannot reword alone", () => {
    const odd = [pair("Bonjour, ça va ?", "Oui."), pair("", "A bare text."), pair("The sky is blue.", "It is.")];
    expect(make(odd, { rules: ["paraphrase", "field-shuffle", "field-drop"] })).toEqual([]);
    const own: Example = {
      kind: "chat",
      messages: [{ role: "system", content: "Be brief." }, ...(CHAT as never as { messages: [] }).messages],
    };
    expect(make([own], { rules: ["role-prompts"] })).toEqual([]);
  });

  test("rewords the request and keeps what it is about, and the reply", () => {
    for (const { record } of make([CHAT], { rules: ["paraphrase"], copies: 5 })) {
      const [asked, reply] = (record as { messages: { content: string }[] }).messages;
      expect(asked!.content).toMatch(/ist three rivers[.?]\nIn Europe\.$/);
      expect(reply).toEqual((CHAT as { messages: readonly unknown[] }).messages[1]);
    }
  });

  test("drops only fields that the reply says nothing of, and moves fields alone", () => {
    const dropped = make([FIELDS], { rules: ["field-drop"], copies: 5 }).map(({ record }) => record.prompt);
    expect(dropped).toEqual(["Describe the person.\nName: Ada\nTown: Ryde"]);
    for (const { record } of make([FIELDS], { rules: ["field-shuffle"], copies: 5 })) {
      expect(String(record.prompt).split("\n").sort()).toEqual(
        (FIELDS as { prompt: string }).prompt.split("\n").sort(),
      );
      expect(String(record.prompt).startsWith("Describe the person.")).toBe(true);
    }
  });

  test("sets a reply against another line's, in a file of its own", () => {
    const made = make([ORDER, QUESTION], { rules: ["negatives"], withOriginals: true });
    expect(made.map(({ record }) => record)).toEqual([
      { prompt: "Write a poem about tea.", chosen: "Leaves unfold.", rejected: "Paris." },
      { prompt: "What is the capital of France?", chosen: "Paris.", rejected: "Leaves unfold." },
    ]);
    expect(make([ORDER], { rules: ["negatives"] })).toEqual([]);
    expect(() => make([ORDER], { rules: ["negatives", "paraphrase"] })).toThrow("cannot stand in one file");
  });

  test("puts the lines as they were given first, when asked", () => {
    const made = make([ORDER], { rules: ["paraphrase"], withOriginals: true });
    expect(made[0]).toEqual({
      record: { prompt: "Write a poem about tea.", completion: "Leaves unfold." },
      provenance: { source_line: 1, seed: 7, rule: null, copy: 0 },
    });
    expect(made).toHaveLength(2);
  });
});
