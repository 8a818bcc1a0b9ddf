import { quoteName } from "../formats/strict-json.ts";
import type { ModelProblem } from "./problems.ts";

/** A condition on a number, with the words that follow "must be". */
export interface NumberRule {
  readonly must: string;
  readonly holds: (value: number) => boolean;
}

export const wholeNumber = (least: number, most: number): NumberRule => ({
  must: `a whole number from ${least} to ${most}`,
  holds: (value) => Number.isInteger(value) && value >= least && value <= most,
});

export const between = (least: number, most: number): NumberRule => ({
  must: `a number from ${least} to ${most}`,
  holds: (value) => value >= least && value <= most,
});

export const positive = (most = Number.MAX_VALUE): NumberRule => ({
  must: most === Number.MAX_VALUE ? "a positive number" : `a positive number up to ${most}`,
  holds: (value) => value > 0 && value <= most,
});

/**
 * Reads the fields of an object in a JSON file. Null counts as absent. A field with a wrong value is added to `problems` and
 * read as undefined.
 */
export class JsonFields {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #file: string;
  readonly #problems: ModelProblem[];
  readonly #prefix: string;

  constructor(
    json: Readonly<Record<string, unknown>>,
    place: { readonly file: string; readonly problems: ModelProblem[]; readonly prefix?: string },
  ) {
    this.#json = json;
    this.#file = place.file;
    this.#problems = place.problems;
    this.#prefix = place.prefix ?? "";
  }

  /** Whether the field is there and not null. */
  has(field: string): boolean {
    return this.value(field) !== undefined;
  }

  /** Whether the field is there, even if it is null. */
  mentions(field: string): boolean {
    return Object.hasOwn(this.#json, field);
  }

  value(field: string): unknown {
    return Object.hasOwn(this.#json, field) ? (this.#json[field] ?? undefined) : undefined;
  }

  refuse(field: string, reason: string): undefined {
    this.#problems.push({ file: this.#file, field: this.#prefix + field, reason });
    return undefined;
  }

  number(field: string, rule: NumberRule): number | undefined {
    const value = this.value(field);
    if (value === undefined || (typeof value === "number" && rule.holds(value))) return value;
    return this.refuse(field, `must be ${rule.must}, got ${shown(value)}`);
  }

  required(field: string, rule: NumberRule): number | undefined {
    return this.has(field) ? this.number(field, rule) : this.refuse(field, `missing; must be ${rule.must}`);
  }

  boolean(field: string): boolean | undefined {
    const value = this.value(field);
    if (value === undefined || typeof value === "boolean") return value;
    return this.refuse(field, `must be true or false, got ${shown(value)}`);
  }

  string(field: string): string | undefined {
    const value = this.value(field);
    if (value === undefined || typeof value === "string") return value;
    return this.refuse(field, `must be text, got ${shown(value)}`);
  }

  /** The fields of an object inside this one; undefined if it is absent. */
  object(field: string): JsonFields | undefined {
    const value = this.value(field);
    if (value === undefined) return undefined;
    if (!isObject(value)) return this.refuse(field, `must be an object, got ${shown(value)}`);
    return new JsonFields(value, {
      file: this.#file,
      problems: this.#problems,
      prefix: `${this.#prefix}${field}.`,
    });
  }

  get isEmpty(): boolean {
    return Object.keys(this.#json).length === 0;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value of a file, made safe for an error message. */
export function shown(value: unknown): string {
  return typeof value === "string" ? quoteName(value) : quoteName(JSON.stringify(value)).slice(1, -1);
}
