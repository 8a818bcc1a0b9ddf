/**
 * Finds unsupported features of a template before it runs.
 */
import { failure } from "./failure.ts";
import { UNSUPPORTED_GLOBALS } from "./globals.ts";
import { FILTER_NAMES, TEST_NAMES, UNSUPPORTED_NAMES } from "./names.ts";
import type { Body, Expression } from "./syntax.ts";
import { isExpression } from "./walk.ts";

/** Methods of `str` and numbers that are not implemented. Templates call no other object's methods of these names. */
const UNSUPPORTED_METHODS: ReadonlySet<string> = new Set(
  "encode expandtabs format_map isidentifier isprintable maketrans translate bit_length to_bytes as_integer_ratio".split(
    " ",
  ),
);

/** The statements whose bodies Jinja2 compiles separately from the surrounding code. */
const ENCLOSING = new Set("for macro call-block filter-block set-block with generation".split(" "));
const ENCLOSED = new Set(["body", "otherwise", "test", "parameters"]);

/**
 * Throws `invalid_model`, naming the construct and its line. As in Jinja2, an unknown filter or test inside a condition
 * is not an error, since the template may have checked that it exists.
 */
export function requireSupported(body: Body): void {
  const open: [node: unknown, isConditional: boolean][] = [[body, false]];
  while (open.length > 0) {
    const [node, isConditional] = open.pop()!;
    if (typeof node !== "object" || node === null) continue;
    const { type } = node as { type?: string };
    const isInside = isConditional || type === "if" || type === "conditional";
    if (isExpression(node)) requireSupportedExpression(node, isInside);
    for (const [key, child] of Object.entries(node).reverse()) {
      open.push([child, isInside && !(ENCLOSING.has(type ?? "") && ENCLOSED.has(key))]);
    }
  }
}

function requireSupportedExpression(expression: Expression, isConditional: boolean): void {
  const { line } = expression;
  switch (expression.type) {
    case "filter":
      requireName("filter", expression.name, { line, isConditional });
      requireNamedArgument(expression, isConditional);
      break;
    case "test":
      requireName("test", expression.name, { line, isConditional });
      break;
    case "call": {
      const { callee } = expression;
      if (callee.type === "name" && UNSUPPORTED_GLOBALS.has(callee.name)) {
        throw failure(`calls ${callee.name}() in line ${line}, which is not supported`);
      }
      if (callee.type === "attribute" && UNSUPPORTED_METHODS.has(callee.name)) {
        throw failure(`calls .${callee.name}() in line ${line}, which is not supported`);
      }
    }
  }
}

interface Place {
  readonly line: number;
  readonly isConditional: boolean;
}

function requireName(kind: "filter" | "test", name: string, { line, isConditional }: Place): void {
  if ((kind === "filter" ? FILTER_NAMES : TEST_NAMES).has(name)) return;
  if (UNSUPPORTED_NAMES[kind].has(name))
    throw failure(`uses the ${kind} ${name} in line ${line}, which is not supported`);
  if (!isConditional) throw failure(`uses the ${kind} ${name} in line ${line}, which does not exist in Jinja`);
}

/** `map`, `select` and similar filters take the name of a filter or test. */
function requireNamedArgument(
  { name, args, line }: Extract<Expression, { type: "filter" }>,
  isConditional: boolean,
): void {
  const position = name.endsWith("attr") ? 1 : 0;
  const kind = name === "map" ? "filter" : /^(select|reject)(attr)?$/.test(name) ? "test" : undefined;
  const argument = args.positional[position];
  if (kind === undefined || argument?.type !== "constant" || typeof argument.value !== "string") return;
  requireName(kind, argument.value, { line, isConditional });
}
