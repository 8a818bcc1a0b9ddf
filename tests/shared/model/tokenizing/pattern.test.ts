import { expect, test } from "vitest";
import { compilePattern } from "../../../../shared/model/tokenizing/pattern.ts";

const matches = (Regex: string, text: string) => [...text.matchAll(compilePattern({ Regex }))].map(([match]) => match);

test("a string matches itself alone; the empty string matches nothing", () => {
  expect("a.b*".split(compilePattern({ String: "." }))).toEqual(["a", "b*"]);
  expect("ab".match(compilePattern({ String: "" }))).toBeNull();
});

test("white space and digits are Unicode's", () => {
  expect(matches("\\s", "a\u0085b\ufeffc\u2003")).toEqual(["\u0085", "\u2003"]);
  expect(matches("\\d+", "12٣x")).toEqual(["12٣"]);
});

test("ignoring case, ſ is an s and the Kelvin sign a k", () => {
  expect(matches("(?i:'s|'K)", "'S 'ſ 's 'k '\u212a")).toEqual(["'S", "'ſ", "'s", "'k", "'\u212a"]);
  expect(matches("(?i:'[sd])", "'ſ'D't")).toEqual(["'ſ", "'D"]);
  expect(matches("(?i:[a-s]|[s-t])", "zaSſstÞ")).toEqual(["a", "S", "ſ", "s", "t"]);
  expect(matches("(?i:[a-z])+", "aſ\u212aZ é")).toEqual(["aſ\u212aZ"]);
  expect(matches("(?i:a)s", "as aſ As")).toEqual(["as", "As"]);
  expect(matches("(?i:\\s)", "s ſ")).toEqual([" "]);
});

test.each(["(?>a+)b", "(", "[[:nothing:]]"])("%s is refused by name", (Regex) => {
  expect(() => compilePattern({ Regex })).toThrow(expect.objectContaining({ code: "invalid_model" }));
  expect(() => compilePattern({ Regex })).toThrow(`its pattern "${Regex}"`);
});
