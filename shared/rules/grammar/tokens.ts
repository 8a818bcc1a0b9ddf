/** The tokens of a grammar's text, with their lines. */
import { refuse } from "../limits.ts";
import { complement, normalised, type Ranges } from "../regex/ranges.ts";

export type GrammarToken = { readonly line: number } & (
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "class"; readonly ranges: Ranges }
  | { readonly kind: "bounds"; readonly least: number; readonly most: number }
  | { readonly kind: "sign"; readonly text: "::=" | "|" | "(" | ")" }
);

/** An error in a line of the grammar, which is counted from 1. */
export function grammarError(line: number, problem: string) {
  return refuse(`line ${line} of the grammar ${problem}`, { line });
}

/** What other notations have and this one does not, by how it starts. */
const FOREIGN: readonly (readonly [start: RegExp, name: string])[] = [
  [/%\w*/y, "a directive of Lark"],
  [/\/(?:[^/\\\n]|\\.)+\//y, "a regular expression between slashes; write character classes instead"],
  [/'/y, "single quotes; use double quotes"],
  [/<[^>\n]*>/y, "a token in angle brackets; use names without brackets"],
  [/->/y, "an alias of Lark (->)"],
  [/[~!&@]/y, "an operator that GBNF does not have"],
  [/:(?!:=)|=/y, "a definition without ::="],
  [/[;,]/y, "punctuation that GBNF does not have"],
];

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9 };

export function grammarTokens(source: string): GrammarToken[] {
  const tokens: GrammarToken[] = [];
  let [at, line] = [0, 1];
  const take = (pattern: RegExp): string[] | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found === null) return undefined;
    at += found[0].length;
    return [...found];
  };

  /** One character of a literal or a class. */
  function character(): number {
    const [whole, hex2, hex4, hex8, letter] =
      take(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([nrt\\"[\]^-]))/y) ?? [];
    const codePoint =
      whole === undefined
        ? plain()
        : letter === undefined
          ? Number.parseInt(hex2 ?? hex4 ?? hex8!, 16)
          : (ESCAPES[letter] ?? letter.charCodeAt(0));
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) {
      throw grammarError(line, "has an escape that is no character");
    }
    return codePoint;
  }

  function plain(): number {
    const codePoint = source.codePointAt(at);
    if (codePoint === undefined || codePoint === 10) throw grammarError(line, "ends inside quotes or brackets");
    if (codePoint === 0x5c) throw grammarError(line, `has the unknown escape ${source.slice(at, at + 2)}`);
    at += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  function literal(): string {
    let text = "";
    while (source[at] !== '"') text += String.fromCodePoint(character());
    at++;
    return text;
  }

  function characterClass(): Ranges {
    const isNegated = take(/\^/y) !== undefined;
    const pairs: number[] = [];
    while (source[at] !== "]") {
      const low = character();
      const isRange = source[at] === "-" && source[at + 1] !== "]";
      if (isRange) at++;
      const high = isRange ? character() : low;
      if (high < low) throw grammarError(line, "has a range of characters in the wrong order");
      pairs.push(low, high);
    }
    at++;
    const ranges = normalised(pairs);
    return isNegated ? complement(ranges) : ranges;
  }

  while (at < source.length) {
    if (take(/\n/y) !== undefined) line++;
    else if (take(/[ \t\r]+|#[^\n]*/y) !== undefined) continue;
    else if (take(/"/y) !== undefined) tokens.push({ kind: "literal", text: literal(), line });
    else if (take(/\[/y) !== undefined) tokens.push({ kind: "class", ranges: characterClass(), line });
    else if (take(/\./y) !== undefined) tokens.push({ kind: "class", ranges: complement([]), line });
    else {
      const token = sign() ?? bounds() ?? name();
      if (token !== undefined) tokens.push(token);
      else throw foreign();
    }
  }
  return tokens;

  function sign(): GrammarToken | undefined {
    const [text] = take(/::=|[|()]/y) ?? [];
    return text === undefined ? undefined : { kind: "sign", text: text as "|", line };
  }

  function bounds(): GrammarToken | undefined {
    const [text, least, comma, most] = take(/[*+?]|\{\s*(\d+)\s*(,?)\s*(\d*)\s*\}/y) ?? [];
    if (text === undefined) return undefined;
    const many = Number.POSITIVE_INFINITY;
    if (text === "*") return { kind: "bounds", least: 0, most: many, line };
    if (text === "+") return { kind: "bounds", least: 1, most: many, line };
    if (text === "?") return { kind: "bounds", least: 0, most: 1, line };
    const last = comma === "" ? Number(least) : most === "" ? many : Number(most);
    if (last < Number(least)) throw grammarError(line, `has bounds in the wrong order: ${text}`);
    return { kind: "bounds", least: Number(least), most: last, line };
  }

  function name(): GrammarToken | undefined {
    const [text] = take(/[A-Za-z_][A-Za-z0-9_-]*/y) ?? [];
    return text === undefined ? undefined : { kind: "name", text, line };
  }

  function foreign() {
    for (const [pattern, what] of FOREIGN) {
      const [text] = take(pattern) ?? [];
      if (text !== undefined) return grammarError(line, `has ${text}: ${what}; grammars are in GBNF`);
    }
    return grammarError(line, `has ${JSON.stringify(source[at])}, which GBNF does not know`);
  }
}
