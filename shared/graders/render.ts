import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Flaw } from "./errors.ts";
import { parseTemplate, type SampleName, type TemplatePath } from "./template.ts";

/** What templates are filled in from. */
export interface Observation {
  /** The dataset's line, or undefined without one. */
  readonly item: unknown;
  readonly sample: Readonly<Record<SampleName, unknown>>;
}

/** A text in which everything was found, or what its sample lacks. */
export type Rendered = { readonly text: string } | { readonly flaw: Flaw };

/** The sample that a model's text is. Its JSON is undefined where it is none; a text has no calls of tools. */
export function observe(text: string, item: unknown): Observation {
  const message = { role: "assistant", content: text };
  const choices = [{ index: 0, message, finish_reason: "stop" }];
  return { item, sample: { output_text: text, output_json: parsed(text), output_tools: [], choices } };
}

/**
 * Fills a template in: a string as it is, anything else as JSON. What a sample lacks is a flaw of that sample; what an item lacks
 * is a mistake of the request.
 *
 * @throws TrimtabError invalid_request, naming `param`, for a template that cannot be read, a field that the item lacks, and a text
 *   of more than `LIMITS.graderText` characters
 */
export function render(template: string, observation: Observation, param: string): Rendered {
  let text = "";
  let flaw: Flaw | undefined;
  for (const part of parseTemplate(template, param)) {
    const piece = typeof part === "string" ? part : found(part, observation, param);
    if (typeof piece === "object") {
      // Looked through to the end: a field that the item lacks further on is a mistake of the request all the same.
      flaw ??= piece.flaw;
      continue;
    }
    text += piece;
    if (text.length > LIMITS.graderText) {
      const message = `\`${param}\` has more than ${LIMITS.graderText} characters once it is filled in. Make the template or the fields shorter.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
  }
  return flaw === undefined ? { text } : { flaw };
}

function found(path: TemplatePath, { item, sample }: Observation, param: string): string | { readonly flaw: Flaw } {
  if (path.namespace === "sample") {
    const whole = sample[path.name];
    if (whole === undefined) return { flaw: { sample_parse_error: true } };
    const value = follow(whole, path.steps);
    if (value === undefined) return { flaw: { invalid_variable_error: true } };
    return shown(value) ?? { flaw: { sample_parse_error: true } };
  }
  const value = follow(item, path.steps);
  const text = value === undefined ? undefined : shown(value);
  if (text !== undefined) return text;
  throw new TrimtabError("invalid_request", `\`${param}\` names {{${path.text}}}, which the item does not have.`, {
    param,
  });
}

/** The value at the end of the steps; undefined where there is none. Only fields of the value's own count. */
function follow(value: unknown, steps: readonly string[]): unknown {
  let at = value;
  for (const step of steps) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    if (Array.isArray(at) && !/^\d+$/.test(step)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[step];
  }
  return at;
}

/** undefined for a value that nests too deep to be written. */
function shown(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
