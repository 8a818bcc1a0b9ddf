/**
 * Reads TypeScript as far as the checks need it: which modules a file imports, and its code without comments and
 * strings. A scanner, not a parser: it knows comments, strings, templates and regular expressions, and nothing else.
 */

export interface Import {
  /** undefined where the name is computed. */
  readonly specifier: string | undefined;
  /** Counted from 1. */
  readonly line: number;
}

export interface Source {
  /** The code with comments blanked and every string's content replaced by its index in `strings`; lines keep their numbers. */
  readonly code: string;
  readonly strings: readonly string[];
}

/** The characters that may precede a regular expression; after anything else a slash divides. */
const BEFORE_REGEX = /(?:^|[=([{,;:!&|?+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|yield|await))\s*$/;

export function scan(text: string): Source {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  /** Depths of `{` at which a template's `${` closes again. */
  const templates: number[] = [];
  let depth = 0;

  const blank = (end: number): void => {
    code += text.slice(at, end).replace(/[^\n]/g, " ");
    at = end;
  };
  const templateText = (): void => {
    const start = at;
    while (at < text.length && text[at] !== "`" && !text.startsWith("${", at)) at += text[at] === "\\" ? 2 : 1;
    const end = at;
    at = start;
    blank(end);
    if (text[at] === "`") {
      code += "`";
      at += 1;
    } else if (at < text.length) {
      code += "${";
      at += 2;
      templates.push(depth++);
    }
  };

  while (at < text.length) {
    const char = text[at] as string;
    if (text.startsWith("//", at)) blank(indexOrEnd(text, "\n", at));
    else if (text.startsWith("/*", at)) blank(Math.min(indexOrEnd(text, "*/", at + 2) + 2, text.length));
    else if (char === '"' || char === "'") {
      const end = literalEnd(text, at, char);
      code += `"${strings.length}"`;
      strings.push(text.slice(at + 1, end - 1));
      at = end;
    } else if (char === "`") {
      code += char;
      at += 1;
      templateText();
    } else if (char === "/" && BEFORE_REGEX.test(code.slice(-32))) blank(regexEnd(text, at));
    else {
      if (char === "{") depth++;
      if (char === "}") depth--;
      code += char;
      at += 1;
      if (char === "}" && templates.at(-1) === depth) {
        templates.pop();
        templateText();
      }
    }
  }
  return { code, strings };
}

/** Every static, dynamic and type import, re-export and require, in order. */
export function importsOf(source: Source): Import[] {
  const patterns = [
    /\b(?:import|export)\b[^;"`=]*?\bfrom\s*"(\d+)"/g,
    /\bimport\s*"(\d+)"/g,
    /(?<![.\w])(?:import|require)\s*\(\s*(?:"(\d+)"|[^\s)])/g,
  ];
  return patterns
    .flatMap((pattern) => [...source.code.matchAll(pattern)])
    .map(({ 0: found, 1: index, index: at }) => ({
      specifier: index === undefined ? undefined : source.strings[Number(index)],
      line: lineAt(source.code, at + found.length - 1),
    }))
    .sort((a, b) => a.line - b.line);
}

export function lineAt(code: string, index: number): number {
  return code.slice(0, index).split("\n").length;
}

function indexOrEnd(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found;
}

function literalEnd(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function regexEnd(text: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "[") inClass = true;
    else if (text[at] === "]") inClass = false;
    else if (text[at] === "/" && !inClass) return at + 1;
  }
  return start + 1;
}
