/** Numbers, names and signs of a formula. */
export interface Token {
  readonly kind: "number" | "name" | "sign" | "end";
  readonly text: string;
  /** Characters before it. */
  readonly at: number;
}

const TOKEN =
  /\s*(?:(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<sign>[-+*/^(),]))/y;

/** The tokens and an end; undefined as text of the last one where a character begins none. */
export function tokensOf(formula: string): { readonly tokens: readonly Token[]; readonly stray: number | undefined } {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let after = 0;
  for (let match = TOKEN.exec(formula); match !== null; match = TOKEN.exec(formula)) {
    after = TOKEN.lastIndex;
    const { number, name, sign } = match.groups ?? {};
    const text = number ?? name ?? sign ?? "";
    const kind = number !== undefined ? "number" : name !== undefined ? "name" : "sign";
    tokens.push({ kind, text, at: after - text.length });
  }
  const stray = after + (formula.slice(after).length - formula.slice(after).trimStart().length);
  tokens.push({ kind: "end", text: "", at: formula.length });
  return { tokens, stray: stray < formula.length ? stray : undefined };
}
