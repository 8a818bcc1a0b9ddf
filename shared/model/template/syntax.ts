/**
 * The syntax tree of a template: Jinja2's, without the nodes that need a loader, autoescaping or extensions that
 * transformers does not install.
 */
export type Expression = { readonly line: number } & (
  | { readonly type: "constant"; readonly value: string | number | bigint | boolean | null }
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly type: "dict"; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly type: "attribute"; readonly object: Expression; readonly name: string }
  | { readonly type: "item"; readonly object: Expression; readonly key: Expression }
  | { readonly type: "slice"; readonly bounds: readonly (Expression | undefined)[] }
  | { readonly type: "call"; readonly callee: Expression; readonly args: Arguments }
  | { readonly type: "filter"; readonly input: Expression | undefined; readonly name: string; readonly args: Arguments }
  | { readonly type: "test"; readonly input: Expression; readonly name: string; readonly args: Arguments }
  | { readonly type: "unary"; readonly operator: "not" | "-" | "+"; readonly operand: Expression }
  | { readonly type: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly type: "logic"; readonly operator: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly type: "concat"; readonly parts: readonly Expression[] }
  | { readonly type: "compare"; readonly first: Expression; readonly rest: readonly (readonly [string, Expression])[] }
  | {
      readonly type: "conditional";
      readonly test: Expression;
      readonly value: Expression;
      readonly otherwise: Expression | undefined;
    }
);

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly spread: Expression | undefined;
  readonly namedSpread: Expression | undefined;
}

/** The targets of `set` and `for`. */
export type Target =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "member"; readonly namespace: string; readonly name: string }
  | { readonly type: "targets"; readonly targets: readonly Target[] };

export interface Parameter {
  readonly name: string;
  readonly fallback: Expression | undefined;
}

export type Body = readonly Statement[];

export type Statement = { readonly line: number } & (
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "output"; readonly value: Expression }
  | { readonly type: "if"; readonly branches: readonly (readonly [Expression, Body])[]; readonly otherwise: Body }
  | {
      readonly type: "for";
      readonly target: Target;
      readonly iterable: Expression;
      readonly test: Expression | undefined;
      readonly recursive: boolean;
      readonly body: Body;
      readonly otherwise: Body;
    }
  | { readonly type: "set"; readonly target: Target; readonly value: Expression }
  | {
      readonly type: "set-block";
      readonly target: Target;
      readonly filter: Expression | undefined;
      readonly body: Body;
    }
  | { readonly type: "macro"; readonly name: string; readonly parameters: readonly Parameter[]; readonly body: Body }
  | {
      readonly type: "call-block";
      readonly call: Expression;
      readonly parameters: readonly Parameter[];
      readonly body: Body;
    }
  | { readonly type: "filter-block"; readonly filter: Expression; readonly body: Body }
  | { readonly type: "with"; readonly bindings: readonly (readonly [Target, Expression])[]; readonly body: Body }
  | { readonly type: "generation"; readonly body: Body }
  | { readonly type: "break" | "continue" }
);
