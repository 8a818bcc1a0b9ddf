/**
 * Chat templates, which are untrusted Jinja programs, run within limits and with Jinja2's results.
 *
 * Templates are rendered as transformers renders them: in Jinja2's immutable sandbox with `trim_blocks` and
 * `lstrip_blocks`, loop controls, `{% generation %}`, `tojson` without HTML escapes, `raise_exception` and
 * `strftime_now`. Compiling a template rejects unsupported features.
 */
import { messageOf, TrimtabError } from "../../errors.ts";
import { Budget, type RenderLimits } from "./budget.ts";
import { toValue } from "./convert.ts";
import { failure, PythonError } from "./failure.ts";
import { globalScope } from "./globals.ts";
import { type Generation, Interpreter } from "./interpreter.ts";
import { parseTemplate } from "./parser.ts";
import { Scope } from "./scope.ts";
import { requireSupported } from "./supported.ts";
import type { Body } from "./syntax.ts";
import { expressionsOf } from "./walk.ts";

export interface CompiledTemplate {
  /** Whether the template reads a variable of this name. */
  reads(name: string): boolean;
  /**
   * Throws `invalid_request` with the template's own message when it rejects the input, `invalid_model` when it fails or
   * exceeds a limit. The limits grow with `limits.messages` and `limits.characters`.
   */
  render(variables: Readonly<Record<string, unknown>>, limits: RenderOptions): string;
  /** Renders, and also returns the parts that `{% generation %}` blocks wrote, in order. */
  renderMarked(variables: Readonly<Record<string, unknown>>, limits: RenderOptions): RenderedTemplate;
}

export interface RenderOptions extends RenderLimits {
  /** The date that `strftime_now` formats, in UTC. A template that calls it cannot be rendered without one. */
  readonly date?: Date | undefined;
}

export interface RenderedTemplate {
  readonly text: string;
  readonly generations: readonly Generation[];
}

const MAX_SOURCE = 64 * 1024;

/** Throws `invalid_model` when the template is too long, invalid, or uses something unsupported. */
export function compileTemplate(source: string): CompiledTemplate {
  if (source.length > MAX_SOURCE) {
    throw failure(`has ${source.length} characters; at most ${MAX_SOURCE} are allowed`);
  }
  const body = parse(source);
  requireSupported(body);
  const names = new Set(expressionsOf(body).flatMap((one) => (one.type === "name" ? [one.name] : [])));

  function renderMarked(variables: Readonly<Record<string, unknown>>, options: RenderOptions): RenderedTemplate {
    const budget = new Budget(options);
    const scope = new Scope(globalScope(options.date, budget));
    for (const [name, value] of Object.entries(variables)) if (value !== undefined) scope.set(name, toValue(value));
    const interpreter = new Interpreter(budget);
    try {
      const text = interpreter.run(body, scope);
      return { text, generations: interpreter.generations };
    } catch (error) {
      if (error instanceof TrimtabError) throw error;
      const problem = error instanceof PythonError ? error.message : `internal error: ${messageOf(error)}`;
      throw failure(`failed in line ${interpreter.line}: ${problem}`, error);
    }
  }

  return {
    reads: (name) => names.has(name),
    render: (variables, options) => renderMarked(variables, options).text,
    renderMarked,
  };
}

function parse(source: string): Body {
  try {
    return parseTemplate(source);
  } catch (error) {
    if (error instanceof RangeError) throw failure("cannot be parsed: it nests too deep", error);
    throw error;
  }
}
