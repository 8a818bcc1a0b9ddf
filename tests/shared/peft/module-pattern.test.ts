import { describe, expect, it } from "vitest";
import { PatternBudget, parseModulePattern, parseTextPattern } from "../../../shared/peft/module-pattern.ts";
import { createRandom, type Random } from "../../../shared/random.ts";

const Q0 = "model.layers.0.self_attn.q_proj";
const UP11 = "model.layers.11.mlp.up_proj";

/** Whether the pattern matches, or the problem with it. */
function test(source: string, path: string): boolean | string | undefined {
  const pattern = parseModulePattern(source);
  return "problem" in pattern ? pattern.problem : pattern.matches(path, new PatternBudget());
}

describe("parseModulePattern", () => {
  // The results of Python's re.fullmatch.
  it.each<[string, string, boolean]>([
    [Q0, Q0, true],
    ["q_proj", Q0, false],
    [".*q_proj", Q0, true],
    [String.raw`.*\.layers\.1\.(self_attn\.(q|v)_proj|mlp\.up_proj)`, "model.layers.1.mlp.up_proj", true],
    [String.raw`.*\.layers\.1\.(self_attn\.(q|v)_proj|mlp\.up_proj)`, UP11, false],
    [String.raw`model\.layers\.\d\.(self_attn\.[qk]_proj|mlp\.(gate|down)_proj)`, Q0, true],
    [String.raw`model\.layers\.\d{2,}\..*`, UP11, true],
    [String.raw`model\.layers\.\d{2,}\..*`, Q0, false],
    [String.raw`model\.layers\.[0-4]\..+`, Q0, true],
    [String.raw`model\.layers\.[^0-4]\..+`, Q0, false],
    [
      String.raw`(?:.*?(?:self_attn|mlp).*?(?:q_proj|up_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.mlp\.(?:(?:up_proj)))`,
      UP11,
      true,
    ],
    ["^(?!.*self_attn).*_proj$", Q0, false],
    ["^(?!.*self_attn).*_proj$", UP11, true],
    [".*(?=up_proj).*", UP11, true],
    ["(?=.*up_proj)", UP11, false],
    [".*(?<=mlp\\.)up_proj", UP11, true],
    [".*(?<!mlp\\.)up_proj", UP11, false],
    ["(?P<layer>.*)", Q0, true],
    [String.raw`\A\w+(\.\w+){4}\Z`, Q0, true],
    [String.raw`.*\Blayers.*`, Q0, false],
    ["model|lm_head", "lm_head", true],
    ["", "", true],
    ["(|a)b?", "b", true],
    ["a{2}", "aa", true],
    ["a{,2}", "aaa", false],
    ["a{x}", "a{x}", true],
    ["[]a]+", "]a", true],
    ["[a-]", "-", true],
    ["[\\w.]+", Q0, true],
    ["a+?b*?", "aab", true],
    ["(a?){3}", "", true],
    ["(a|b|){70}", "ab", true],
  ])("%s on %s: %s", (source, path, expected) => {
    expect(test(source, path)).toBe(expected);
  });

  it("returns the problem with a pattern", () => {
    expect(parseModulePattern("(a")).toEqual({ problem: "has an unclosed parenthesis" });
  });

  it("matches an end that follows a dot", () => {
    const end = (source: string, path: string) => {
      const pattern = parseModulePattern(source);
      return "problem" in pattern ? pattern.problem : pattern.matchesEnd(path, new PatternBudget());
    };
    expect(
      ["q_proj", "self_attn.q_proj", Q0, "attn.q_proj", "proj", "layers"].map((source) => end(source, Q0)),
    ).toEqual([true, true, true, false, false, false]);
    expect([end(String.raw`^layers\..*`, Q0), end(String.raw`layers\..*|x`, Q0), end("^model.*", Q0)]).toEqual([
      false,
      true,
      true,
    ]);
  });

  it("handles patterns that make other engines run forever", () => {
    const long = "a".repeat(60);
    expect(test("(a+)+b", long)).toBe(false);
    expect(test("(a|a)*b", long)).toBe(false);
    expect(test("(a{0,60}){0,60}b", long)).toBe(false);
    expect(test("(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x", long)).toBe(false);
  });

  it("ends when its budget is spent, for all that share it", () => {
    const pattern = parseModulePattern(`${"(.*)".repeat(100)}x`);
    if ("problem" in pattern) throw new Error(pattern.problem);
    const budget = new PatternBudget(3_000_000);
    const results = Array.from({ length: 20 }, () => pattern.matches("a".repeat(100), budget));
    expect(results[0]).toBe(false);
    expect(results.at(-1)).toBeUndefined();
    expect(pattern.matches("ax", new PatternBudget())).toBe(true);
  });

  it("agrees with the platform's own engine on random patterns", () => {
    const random = createRandom(5, "patterns");
    const disagreements: string[] = [];
    for (let round = 0; round < 3000; round++) {
      const source = randomPattern(random, 3);
      const reference = new RegExp(`^(?:${source})$`, "u");
      const pattern = parseModulePattern(source);
      if ("problem" in pattern) {
        disagreements.push(`${source}: ${pattern.problem}`);
        continue;
      }
      for (let each = 0; each < 4; each++) {
        const path = Array.from({ length: random.below(7) }, () => "ab.1"[random.below(4)]).join("");
        const found = pattern.matches(path, new PatternBudget());
        if (found !== reference.test(path)) disagreements.push(`${source} on ${path}: ${found}`);
      }
    }
    expect(disagreements).toEqual([]);
  });
});

/** A pattern that means the same to Python and JavaScript. */
function randomPattern(random: Random, depth: number): string {
  const atoms = ["a", "b", "1", ".", "\\.", "\\d", "\\w", "[ab]", "[^a]", "[a-b1]", "^", "$", "\\b", "\\B"];
  const inner = () => randomPattern(random, depth - 1);
  const one = () => {
    const kind = depth === 0 ? 0 : random.below(8);
    if (kind < 4) return atoms[random.below(atoms.length)]!;
    const group = `${["(", "(?:", "(?:", "(?=", "(?!", "(?<=", "(?<!"][random.below(7)]}${inner()})`;
    return /^\((?!\?[=!<])/.test(group)
      ? `${group}${["", "*", "+", "?", "{2}", "{1,2}", "*?"][random.below(7)]}`
      : group;
  };
  const sequence = Array.from({ length: 1 + random.below(3) }, one).join("");
  return depth > 0 && random.below(4) === 0 ? `${sequence}|${inner()}` : sequence;
}

it("finds the last match in a text, each match as long as can be, and says when the budget is spent", () => {
  const last = (source: string, text: string, steps?: number) => {
    const pattern = parseTextPattern(source);
    if ("problem" in pattern) throw new Error(pattern.problem);
    return pattern.last(text, new PatternBudget(steps));
  };
  expect(last("\\d+", "7 of 120 or 45.")).toBe("45");
  expect(last("a|ab|abc", "xabcabx")).toBe("ab");
  expect(last("(?<=is )\\w+(?!\\w)", "it is so, it is")).toBe("so");
  expect([last("\\d", "none"), last("x*", "abc")]).toEqual([null, null]);
  expect(last("(a*)*b", "a".repeat(500), 10_000)).toBeUndefined();
  expect(parseTextPattern("(")).toEqual({ problem: "has an unclosed parenthesis" });
});
