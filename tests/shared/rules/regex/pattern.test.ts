import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../../shared/errors.ts";
import { createRandom, type Random } from "../../../../shared/random.ts";
import { Budget } from "../../../../shared/rules/limits.ts";
import { type Regex, RegexStore } from "../../../../shared/rules/regex/algebra.ts";
import { automatonOf, exceptAutomaton, lengthAutomaton, matches } from "../../../../shared/rules/regex/automaton.ts";
import { textsContaining, wholeMatches } from "../../../../shared/rules/regex/pattern.ts";

const ATOMS = [
  "a",
  "b",
  "c",
  ".",
  "\\d",
  "\\w",
  "\\s",
  "[ab]",
  "[^a]",
  "[a-c0-9]",
  "(?:ab|c)",
  "(a|)",
  "\\u0062",
  "é",
  "😀",
  "[\\s\\S]",
];
const COUNTS = ["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?"];
const LETTERS = ["a", "b", "c", "1", " ", "é", "😀", "\n", "_"];

function randomPattern(random: Random, depth = 0): string {
  const pick = (from: readonly string[]) => from[random.below(from.length)]!;
  const parts = Array.from({ length: 1 + random.below(3) }, () => {
    const inner = depth < 2 && random.float() < 0.3 ? `(${randomPattern(random, depth + 1)})` : pick(ATOMS);
    return inner + pick(COUNTS);
  });
  const sequence = parts.join("");
  return random.float() < 0.25 ? `${sequence}|${randomPattern(random, depth + 1)}` : sequence;
}

/** The automaton of a language; undefined where it takes more work than a rule may. */
function build(make: (regexes: RegexStore) => Regex): ((text: string) => boolean) | undefined {
  const regexes = store();
  try {
    const automaton = automatonOf(make(regexes), regexes);
    return (text) => automaton !== undefined && matches(automaton, text);
  } catch (error) {
    if (error instanceof TrimtabError && /too much work/.test(error.message)) return undefined;
    throw error;
  }
}

const store = () => new RegexStore(new Budget());

describe("random regular expressions", () => {
  const random = createRandom(3, "patterns");
  const randomText = () =>
    Array.from({ length: random.below(7) }, () => LETTERS[random.below(LETTERS.length)]).join("");

  it("match as a whole as JavaScript's do", () => {
    let [matched, refused] = [0, 0];
    for (let n = 0; n < 400; n++) {
      const source = randomPattern(random);
      const accepts = build((regexes) => wholeMatches(source, regexes));
      if (accepts === undefined) refused++;
      if (accepts === undefined) continue;
      const expected = new RegExp(`^(?:${source})$`, "u");
      for (let m = 0; m < 25; m++) {
        const text = randomText();
        const isMatched = accepts(text);
        expect(isMatched, `${source} on ${JSON.stringify(text)}`).toBe(expected.test(text));
        if (isMatched) matched++;
      }
    }
    expect(matched).toBeGreaterThan(500);
    expect(refused).toBeLessThan(20);
  });

  it("are found anywhere as JavaScript's are, with anchors", () => {
    let tried = 0;
    for (let n = 0; n < 400; n++) {
      const anchored = (source: string) =>
        `${random.float() < 0.4 ? "^" : ""}${source}${random.float() < 0.4 ? "$" : ""}`;
      const source = [randomPattern(random, 2), randomPattern(random, 2)]
        .map((one) => anchored(`(?:${one})`))
        .join("|");
      const accepts = build((regexes) => textsContaining(source, regexes));
      if (accepts === undefined) continue;
      tried++;
      const expected = new RegExp(source, "u");
      for (let m = 0; m < 25; m++) {
        const text = randomText();
        expect(accepts(text), `${source} on ${JSON.stringify(text)}`).toBe(expected.test(text));
      }
    }
    expect(tried).toBeGreaterThan(350);
  });

  it("are intersected and complemented", () => {
    let tried = 0;
    for (let n = 0; n < 100; n++) {
      const [a, b] = [randomPattern(random, 1), randomPattern(random, 1)];
      const accepts = build((regexes) =>
        regexes.and([wholeMatches(a, regexes), regexes.not(wholeMatches(b, regexes))]),
      );
      if (accepts === undefined) continue;
      tried++;
      for (let m = 0; m < 20; m++) {
        const text = randomText();
        const expected = new RegExp(`^(?:${a})$`, "u").test(text) && !new RegExp(`^(?:${b})$`, "u").test(text);
        expect(accepts(text), `${a} but not ${b} on ${JSON.stringify(text)}`).toBe(expected);
      }
    }
    expect(tried).toBeGreaterThan(80);
  });
});

it("knows Unicode's properties", () => {
  const regexes = store();
  const automaton = automatonOf(wholeMatches("\\p{Lu}\\P{L}+", regexes), regexes)!;
  for (const text of ["A1", "É😀 ", "ß1", "AB", "1", "Ω--"]) {
    expect(matches(automaton, text), text).toBe(/^\p{Lu}\P{L}+$/u.test(text));
  }
  expect(() => wholeMatches("\\p{Nonsense}", regexes)).toThrow(/Nonsense, which Unicode does not know/);
});

describe("other automata", () => {
  it("count code points", () => {
    const automaton = lengthAutomaton(2, 3);
    expect(["", "a", "ab", "é😀", "abc", "abcd"].map((text) => matches(automaton, text))).toEqual([
      false,
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  it("treat lengths far from both bounds alike", () => {
    const automaton = lengthAutomaton(50, 1000);
    expect(automaton.alike(3, 10)).toBe(automaton.alike(30, 10));
    expect(automaton.alike(100, 10)).toBe(automaton.alike(900, 10));
    expect(automaton.alike(995, 10)).toBe(995);
    expect(automaton.alike(45, 10)).toBe(45);
  });

  it("leave out texts", () => {
    const automaton = exceptAutomaton(["a", "ab", "é"]);
    const accepted = ["", "a", "ab", "abc", "b", "é", "éé", "aa"].filter((text) => matches(automaton, text));
    expect(accepted).toEqual(["", "abc", "b", "éé", "aa"]);
  });
});
