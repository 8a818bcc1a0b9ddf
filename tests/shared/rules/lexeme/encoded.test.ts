import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import { encodedLexeme } from "../../../../shared/rules/lexeme/encoded.ts";
import type { Lexeme } from "../../../../shared/rules/lexeme/lexeme.ts";
import { Budget } from "../../../../shared/rules/limits.ts";
import { RegexStore } from "../../../../shared/rules/regex/algebra.ts";
import { automatonOf, lengthAutomaton } from "../../../../shared/rules/regex/automaton.ts";
import { wholeMatches } from "../../../../shared/rules/regex/pattern.ts";

function accepts(lexeme: Lexeme, bytes: Iterable<number>): boolean {
  let state = lexeme.start;
  for (const byte of bytes) {
    state = lexeme.step(state, byte);
    if (state < 0) return false;
  }
  return lexeme.accepts(state);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function lexemeOf(source: string, encoding: "utf8" | "json"): Lexeme {
  const store = new RegexStore(new Budget());
  return encodedLexeme(0, automatonOf(wholeMatches(source, store), store)!, encoding);
}

const any = lengthAutomaton(0, Number.POSITIVE_INFINITY);

describe("a text as UTF-8", () => {
  it("is accepted exactly if its bytes are UTF-8", () => {
    const lexeme = encodedLexeme(0, any, "utf8");
    const random = createRandom(1, "utf8");
    // Bytes at the edges of what may begin and continue a character.
    const edges = [
      0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0,
      0xf1, 0xf4, 0xf5, 0xff,
    ];
    let valid = 0;
    for (let n = 0; n < 60_000; n++) {
      const bytes = Uint8Array.from({ length: 1 + random.below(4) }, () => edges[random.below(edges.length)]!);
      const isValid = isUtf8(bytes);
      if (accepts(lexeme, bytes) !== isValid) expect.fail(`${[...bytes]} should be ${isValid}`);
      if (isValid) valid++;
    }
    expect(valid).toBeGreaterThan(1000);
  });

  it("keeps to a class of characters from its first byte", () => {
    const lexeme = lexemeOf("[é-ü😀-😂]", "utf8");
    for (const text of ["é", "ü", "😀", "😂"]) expect(accepts(lexeme, Buffer.from(text)), text).toBe(true);
    for (const text of ["e", "è", "ý", "😃", "éé", ""]) expect(accepts(lexeme, Buffer.from(text)), text).toBe(false);
    expect(lexeme.step(lexeme.start, 0xe2)).toBe(-1);
  });
});

describe("a text as a JSON string", () => {
  it("is accepted as JSON.parse does, but for halves of surrogate pairs", () => {
    const lexeme = encodedLexeme(0, any, "json");
    const parts = ['"', "a", "\\", "u", "n", "/", "x", "d", "D8", "DC", "00", "3D", "é", "😀", "\n", " ", "b", "0041"];
    const random = createRandom(2, "json");
    let valid = 0;
    for (let n = 0; n < 60_000; n++) {
      const inner = Array.from({ length: random.below(8) }, () => parts[random.below(parts.length)]).join("");
      const text = `"${inner}"`;
      let isValid = true;
      try {
        const value: unknown = JSON.parse(text);
        isValid = typeof value === "string" && value.isWellFormed();
      } catch {
        isValid = false;
      }
      if (accepts(lexeme, Buffer.from(text)) !== isValid) expect.fail(`${text} should be ${isValid}`);
      if (isValid) valid++;
    }
    expect(valid).toBeGreaterThan(3000);
  });

  it("may escape any of its characters", () => {
    const lexeme = lexemeOf("[a-c]\\n😀", "json");
    for (const text of ['"a\\n😀"', '"\\u0062\\u000a\\ud83d\\ude00"', '"c\\u000A\\uD83D\\uDE00"']) {
      expect(accepts(lexeme, Buffer.from(text)), text).toBe(true);
    }
    for (const text of ['"d\\n😀"', '"\\u0064\\n😀"', '"a\\n\\ud83d\\ude01"', '"a\\n\\ud83d"', '"a\n😀"']) {
      expect(accepts(lexeme, Buffer.from(text)), text).toBe(false);
    }
  });

  it("never begins what it cannot finish", () => {
    const lexeme = lexemeOf("[a-c]{2}[😀-😂]?", "json");
    const states = new Set([lexeme.start]);
    const from = new Map<number, number[]>();
    const ends: number[] = [];
    for (const state of states) {
      if (lexeme.accepts(state)) ends.push(state);
      for (let byte = 0; byte < 256; byte++) {
        const next = lexeme.step(state, byte);
        if (next < 0) continue;
        from.set(next, [...(from.get(next) ?? []), state]);
        states.add(next);
      }
    }
    const alive = new Set(ends);
    for (const state of alive) for (const before of from.get(state) ?? []) alive.add(before);
    expect(alive.size).toBe(states.size);
  });
});
