/**
 * Parses the statements of a template with Jinja2's grammar, the loop controls and transformers' `{% generation %}`.
 */
import { CONSTANTS, ExpressionParser } from "./expression-parser.ts";
import { failure } from "./failure.ts";
import { tokenize } from "./lexer.ts";
import type { Body, Expression, Parameter, Statement, Target } from "./syntax.ts";
import { describe, TokenStream } from "./token-stream.ts";

/** Jinja2's statements that need a loader, autoescaping or inheritance, which chat templates do not have. */
const UNSUPPORTED = ["block", "extends", "include", "from", "import", "autoescape"];

/** Throws `invalid_model`, naming the line and the construct, when the template is invalid or uses something unsupported. */
export function parseTemplate(source: string): Body {
  return new Parser(new TokenStream(tokenize(source))).template();
}

class Parser extends ExpressionParser {
  #loops = 0;

  template(): Body {
    return this.#body(undefined);
  }

  /** The statements up to a tag named in `ends`, which becomes the current token; the whole template without `ends`. */
  #body(ends: readonly string[] | undefined): Body {
    return this.stream.nested(() => {
      const body: Statement[] = [];
      for (;;) {
        const { type, line, value } = this.stream.current;
        if (type === "end") {
          if (ends === undefined) return body;
          throw this.stream.failure(`expected {% ${ends.join(" %} or {% ")} %}, found the end of the template`);
        }
        this.stream.take();
        if (type === "data") body.push({ type: "text", text: value as string, line });
        else if (type === "variable_begin") {
          body.push({ type: "output", value: this.tuple(), line });
          this.stream.expect("variable_end");
        } else {
          if (ends !== undefined && this.stream.isName(...ends)) return body;
          body.push(...this.#statement());
          this.stream.expect("block_end");
        }
      }
    });
  }

  /** A body whose opening tag still has to be closed. The word that ended it is consumed. */
  #block(...ends: string[]): { body: Body; end: string } {
    this.stream.skipOperator(":");
    this.stream.expect("block_end");
    const body = this.#body(ends);
    return { body, end: this.stream.take().value as string };
  }

  #statement(): Statement[] {
    const token = this.stream.expect("name");
    const { line } = token;
    switch (token.value) {
      case "print":
        return this.#print(line);
      case "set":
        return [this.#set(line)];
      case "if":
        return [this.#if(line)];
      case "for":
        return [this.#for(line)];
      case "macro": {
        const name = this.#name();
        const parameters = this.#parameters();
        return [
          { type: "macro", name, parameters, body: this.#outsideLoops(() => this.#block("endmacro").body), line },
        ];
      }
      case "call":
        return [this.#callBlock(line)];
      case "filter":
        return [
          { type: "filter-block", filter: this.filters(undefined, true)!, body: this.#block("endfilter").body, line },
        ];
      case "with":
        return [this.#with(line)];
      case "generation":
        return [{ type: "generation", body: this.#outsideLoops(() => this.#block("endgeneration").body), line }];
      case "break":
      case "continue":
        if (this.#loops === 0)
          throw failure(`cannot be parsed: line ${line}: {% ${token.value} %} stands outside a loop`);
        return [{ type: token.value, line }];
      default:
        if (UNSUPPORTED.includes(token.value as string)) {
          throw failure(`uses {% ${token.value} %} in line ${line}, which is not supported`);
        }
        throw failure(`cannot be parsed: line ${line}: unknown tag {% ${describe(token)} %}`);
    }
  }

  #print(line: number): Statement[] {
    const values: Statement[] = [];
    while (this.stream.current.type !== "block_end") {
      if (values.length > 0) this.stream.expectOperator(",");
      values.push({ type: "output", value: this.expression(), line });
    }
    return values;
  }

  #set(line: number): Statement {
    const target = this.#target(true);
    if (this.stream.skipOperator("=")) return { type: "set", target, value: this.tuple(), line };
    const filter = this.filters(undefined, false);
    return { type: "set-block", target, filter, body: this.#block("endset").body, line };
  }

  #if(line: number): Statement {
    const branches: [Expression, Body][] = [];
    for (;;) {
      const test = this.tuple({ conditional: false });
      const { body, end } = this.#block("elif", "else", "endif");
      branches.push([test, body]);
      if (end === "elif") continue;
      return { type: "if", branches, otherwise: end === "else" ? this.#block("endif").body : [], line };
    }
  }

  #for(line: number): Statement {
    const target = this.#target(false, "in");
    if (assigns(target, "loop")) throw this.stream.failure("cannot assign to the special variable loop");
    if (!this.stream.skipName("in")) throw this.stream.failure("expected `in` in a for loop");
    const iterable = this.tuple({ conditional: false, endsBefore: "recursive" });
    const test = this.stream.skipName("if") ? this.expression() : undefined;
    const recursive = this.stream.skipName("recursive");
    this.#loops++;
    const { body, end } = this.#block("endfor", "else");
    this.#loops--;
    const otherwise = end === "else" ? this.#block("endfor").body : [];
    return { type: "for", target, iterable, test, recursive, body, otherwise, line };
  }

  #callBlock(line: number): Statement {
    const parameters = this.stream.isOperator("(") ? this.#parameters() : [];
    const call = this.expression();
    if (call.type !== "call") throw this.stream.failure("expected a call after {% call");
    return { type: "call-block", call, parameters, body: this.#outsideLoops(() => this.#block("endcall").body), line };
  }

  #with(line: number): Statement {
    const bindings: [Target, Expression][] = [];
    while (this.stream.current.type !== "block_end") {
      if (bindings.length > 0) this.stream.expectOperator(",");
      const target = this.#target(false);
      this.stream.expectOperator("=");
      bindings.push([target, this.expression()]);
    }
    return { type: "with", bindings, body: this.#block("endwith").body, line };
  }

  #parameters(): Parameter[] {
    this.stream.expectOperator("(");
    const parameters: Parameter[] = [];
    while (!this.stream.isOperator(")")) {
      if (parameters.length > 0) this.stream.expectOperator(",");
      const name = this.#name();
      const fallback = this.stream.skipOperator("=") ? this.expression() : undefined;
      if (fallback === undefined && parameters.at(-1)?.fallback !== undefined) {
        throw this.stream.failure(`the parameter ${name} needs a default, since the one before it has one`);
      }
      parameters.push({ name, fallback });
    }
    this.stream.expectOperator(")");
    return parameters;
  }

  /** What `set` (with `members`) and `for` assign to: names, separated by commas or in parentheses. */
  #target(members: boolean, endsBefore?: string): Target {
    const targets: Target[] = [];
    let isTuple = false;
    for (;;) {
      if (targets.length > 0) this.stream.expectOperator(",");
      if (this.endsTuple(endsBefore) || this.stream.isOperator("=")) break;
      targets.push(this.#singleTarget(members));
      if (!this.stream.isOperator(",")) break;
      isTuple = true;
    }
    if (targets.length === 0) throw this.stream.failure(`expected a name, found ${describe(this.stream.current)}`);
    return isTuple ? { type: "targets", targets } : targets[0]!;
  }

  #singleTarget(members: boolean): Target {
    if (this.stream.skipOperator("(")) {
      const inner = this.stream.nested(() => this.#target(members));
      this.stream.expectOperator(")");
      return inner;
    }
    const name = this.#name();
    if (members && this.stream.skipOperator(".")) {
      return { type: "member", namespace: name, name: this.stream.expect("name").value as string };
    }
    return { type: "name", name };
  }

  /** A name that can be assigned to. */
  #name(): string {
    const name = this.stream.expect("name").value as string;
    if (Object.hasOwn(CONSTANTS, name)) throw this.stream.failure(`cannot assign to ${name}`);
    return name;
  }

  /** Parses a body that is a function in Jinja2, so that loop controls cannot leave it. */
  #outsideLoops<T>(parse: () => T): T {
    const loops = this.#loops;
    this.#loops = 0;
    const result = parse();
    this.#loops = loops;
    return result;
  }
}

function assigns(target: Target, name: string): boolean {
  return target.type === "targets" ? target.targets.some((one) => assigns(one, name)) : target.name === name;
}
