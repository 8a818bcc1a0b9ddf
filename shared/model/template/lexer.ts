/**
 * Splits a template into tokens exactly as Jinja2's lexer does with `trim_blocks` and `lstrip_blocks`, as transformers
 * configures it: line breaks become `\n`, the last one is dropped, a block or comment swallows the line break after it and
 * the indentation before it.
 */
import { failure } from "./failure.ts";
import { unescapeString } from "./string-literal.ts";
import { isSpace, stripEnd } from "./whitespace.ts";

export type TokenType =
  | "data"
  | "variable_begin"
  | "variable_end"
  | "block_begin"
  | "block_end"
  | "name"
  | "string"
  | "integer"
  | "float"
  | "operator"
  | "end";

export interface Token {
  readonly type: TokenType;
  /** The text of data, names and operators, or the value of a literal. */
  readonly value: string | number | bigint;
  /** Counted from 1. */
  readonly line: number;
}

const OPERATORS = [..."// ** == != >= <=".split(" "), ..."+ - / * % ~ [ ] ( ) { } > < = . : | , ;".split(" ")] as const;
const CLOSING: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

const OPEN = /\{[{%#]/g;
// The others are sticky and start with a fixed character or class, so that reading takes linear time.
const RAW_BEGIN = /\{%([-+]?)\s*raw\s*(?:-%\}\s*|%\})/y;
const RAW_END = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/y;
const COMMENT_END = /\+#\}|-#\}\s*|#\}\n?/y;
const BLOCK_END = /\+%\}|-%\}\s*|%\}\n?/y;
const VARIABLE_END = /-\}\}\s*|\}\}/y;
const SPACE = /\s+/y;
const FLOAT = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const STRING = /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/sy;

/** Throws `invalid_model`, naming the line, for text that is not a template. */
export function tokenize(template: string): Token[] {
  return new Lexer(normalised(template)).tokens();
}

function normalised(template: string): string {
  const source = template.replace(/\r\n?/g, "\n");
  return source.endsWith("\n") ? source.slice(0, -1) : source;
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #counted = 0;
  /** Whether the current text starts a line, so that a tag can be the first thing on it. */
  #startsLine = true;

  constructor(source: string) {
    this.#source = source;
  }

  tokens(): Token[] {
    while (this.#at < this.#source.length) this.#readText();
    this.#push("end", "");
    return this.#tokens;
  }

  /** Text up to the next tag, and that tag. */
  #readText(): void {
    const start = this.#at;
    const line = this.#lineHere();
    OPEN.lastIndex = start;
    const open = OPEN.exec(this.#source)?.index ?? -1;
    if (open < 0) {
      this.#push("data", this.#source.slice(start));
      this.#at = this.#source.length;
      return;
    }
    const kind = this.#source[open + 1]!;
    this.#at = open;
    const raw = kind === "%" ? this.#match(RAW_BEGIN) : undefined;
    const sign = raw === undefined ? this.#source[open + 2]! : raw[1]!;
    this.#push("data", this.#beforeTag(this.#source.slice(start, open), sign, kind === "{"), line);
    if (raw !== undefined) {
      this.#advance(raw[0]);
      this.#readRaw();
      return;
    }
    this.#advance(this.#source.slice(open, open + (sign === "-" || sign === "+" ? 3 : 2)));
    if (kind === "#") this.#readComment();
    else this.#readTag(kind === "{" ? "variable" : "block");
  }

  /** The remaining text before a tag: `-` strips white space, and a tag that starts its line loses its indentation. */
  #beforeTag(text: string, sign: string, isVariable: boolean): string {
    if (sign === "-") return stripEnd(text);
    if (sign === "+" || isVariable) return text;
    const lineStart = text.lastIndexOf("\n") + 1;
    if (lineStart === 0 && !this.#startsLine) return text;
    return isSpace(text.slice(lineStart)) ? text.slice(0, lineStart) : text;
  }

  #readRaw(): void {
    const start = this.#at;
    const line = this.#lineHere();
    for (let open = this.#source.indexOf("{%", start); open >= 0; open = this.#source.indexOf("{%", open + 2)) {
      this.#at = open;
      const end = this.#match(RAW_END);
      if (end === undefined) continue;
      this.#push("data", this.#beforeTag(this.#source.slice(start, open), end[1]!, false), line);
      this.#advance(end[0]);
      return;
    }
    throw this.#failure("has no {% endraw %}");
  }

  #readComment(): void {
    let end = this.#source.indexOf("#}", this.#at);
    if (end < 0) throw this.#failure("has a comment without an end");
    if (end > this.#at && /[-+]/.test(this.#source[end - 1]!)) end--;
    this.#at = end;
    this.#advance(this.#match(COMMENT_END)![0]);
  }

  #readTag(kind: "variable" | "block"): void {
    this.#push(`${kind}_begin`, "");
    const open: string[] = [];
    while (this.#at < this.#source.length) {
      const end = open.length === 0 ? this.#match(kind === "variable" ? VARIABLE_END : BLOCK_END) : undefined;
      if (end !== undefined) {
        this.#push(`${kind}_end`, "");
        this.#advance(end[0]);
        return;
      }
      this.#readToken(open);
    }
    throw this.#failure(`ends inside a ${kind === "variable" ? "{{ … }}" : "{% … %}"}`);
  }

  #readToken(open: string[]): void {
    const space = this.#match(SPACE);
    if (space !== undefined) {
      this.#advance(space[0]);
      return;
    }
    const [type, text, value] = this.#literal() ?? this.#operator(open);
    this.#push(type, value);
    this.#advance(text);
  }

  #literal(): [TokenType, string, Token["value"]] | undefined {
    const float = this.#source[this.#at - 1] === "." ? undefined : this.#match(FLOAT)?.[0];
    if (float !== undefined) return ["float", float, Number(float.replaceAll("_", ""))];
    const integer = this.#match(INTEGER)?.[0];
    if (integer !== undefined) return ["integer", integer, BigInt(integer.replaceAll("_", "").toLowerCase())];
    const name = this.#match(NAME)?.[0];
    if (name !== undefined) return ["name", name, name];
    const string = this.#match(STRING)?.[0];
    if (string === undefined) return undefined;
    const value = unescapeString(string.slice(1, -1));
    if (value === undefined)
      throw this.#failure(`has an invalid or unsupported escape in the string ${string.slice(0, 80)}`);
    return ["string", string, value];
  }

  #operator(open: string[]): [TokenType, string, string] {
    const operator = OPERATORS.find((one) => this.#source.startsWith(one, this.#at));
    if (operator === undefined) throw this.#failure(`has an unexpected character ${this.#source[this.#at]}`);
    if ("([{".includes(operator)) open.push(operator);
    const opening = CLOSING[operator];
    if (opening !== undefined && open.pop() !== opening) throw this.#failure(`has an unexpected ${operator}`);
    return ["operator", operator, operator];
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source) ?? undefined;
  }

  #advance(text: string): void {
    this.#at += text.length;
    this.#startsLine = text.endsWith("\n");
  }

  #push(type: TokenType, value: Token["value"], line = this.#lineHere()): void {
    if (type === "data" && value === "") return;
    this.#tokens.push({ type, value, line });
  }

  #lineHere(): number {
    for (; this.#counted < this.#at; this.#counted++) if (this.#source[this.#counted] === "\n") this.#line++;
    return this.#line;
  }

  #failure(problem: string): Error {
    return failure(`cannot be parsed: line ${this.#lineHere()} ${problem}`);
  }
}
