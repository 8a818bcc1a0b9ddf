/**
 * Walks the syntax tree of a template.
 */
import type { Body, Expression } from "./syntax.ts";

/** Every expression of a template or part of one, outer ones first. */
export function expressionsOf(part: Body | Expression): Expression[] {
  const found: Expression[] = [];
  const open: unknown[] = [part];
  while (open.length > 0) {
    const node = open.pop();
    if (typeof node !== "object" || node === null) continue;
    if (isExpression(node)) found.push(node);
    for (const child of Object.values(node).reverse()) open.push(child);
  }
  return found;
}

const EXPRESSIONS: ReadonlySet<string> = new Set<Expression["type"]>([
  ...(["constant", "name", "list", "tuple", "dict", "attribute", "item", "slice", "call", "filter", "test"] as const),
  ...(["unary", "binary", "logic", "concat", "compare", "conditional"] as const),
]);

/** Targets of assignments have the type "name" too, but no line. */
export function isExpression(node: object): node is Expression {
  return "type" in node && "line" in node && EXPRESSIONS.has(node.type as string);
}
