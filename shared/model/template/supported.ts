/**
 * Finds what a template uses and this engine does not support, before the template runs.
 */
import { failure } from "./failure.ts";
import { UNSUPPORTED_GLOBALS } from "./globals.ts";
import { FILTER_NAMES, TEST_NAMES, unsupportedName } from "./names.ts";
import type { Body, Expression } from "./syntax.ts";
import { expressionsOf } from "./walk.ts";

/** Methods of `str` that are not implemented. Templates give no other object methods of these names. */
const UNSUPPORTED_METHODS: ReadonlySet<string> = new Set(
  "encode expandtabs format_map isidentifier isprintable maketrans translate bit_length to_bytes as_integer_ratio".split(
    " ",
  ),
);

/** Throws `invalid_model`, naming the construct and its line. */
export function requireSupported(body: Body): void {
  const expressions = expressionsOf(body);
  const printed = printedExpressions(body);
  for (const expression of expressions) {
    const { line } = expression;
    switch (expression.type) {
      case "filter":
        // A safe text changes what is joined to it, unless it is printed right away.
        if (expression.name === "safe" && !printed.has(expression)) {
          throw failure(`uses the filter safe in line ${line} within an expression, which is not supported`);
        }
        requireKnownArgument(expression);
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
}

/** `map`, `select` and their like take the name of a filter or test. */
function requireKnownArgument({ name, args, line }: Extract<Expression, { type: "filter" }>): void {
  const [kind, position] =
    name === "map"
      ? (["filter", 0] as const)
      : name === "select" || name === "reject"
        ? (["test", 0] as const)
        : name === "selectattr" || name === "rejectattr"
          ? (["test", 1] as const)
          : ([undefined, 0] as const);
  const argument = args.positional[position];
  if (kind === undefined || argument?.type !== "constant" || typeof argument.value !== "string") return;
  const names = kind === "filter" ? FILTER_NAMES : TEST_NAMES;
  if (!names.has(argument.value)) throw unsupportedName(kind, argument.value, line);
}

/** The expressions whose values are printed and used for nothing else. */
function printedExpressions(body: Body): ReadonlySet<Expression> {
  const printed = new Set<Expression>();
  const add = (expression: Expression): void => {
    printed.add(expression);
    if (expression.type !== "conditional") return;
    add(expression.then);
    if (expression.otherwise !== undefined) add(expression.otherwise);
  };
  const open: unknown[] = [body];
  while (open.length > 0) {
    const node = open.pop();
    if (typeof node !== "object" || node === null) continue;
    const { type, value } = node as { type?: unknown; value?: unknown };
    if (type === "output") add(value as Expression);
    open.push(...Object.values(node));
  }
  return printed;
}
