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
  for (const expression of expressions) {
    const { line } = expression;
    switch (expression.type) {
      case "filter":
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
