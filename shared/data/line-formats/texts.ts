import type { Columns } from "../columns.ts";

/**
 * A column with a text or a list of texts. If several answers are right, formats train on the first; the others are named as
 * ignored.
 */
export function texts(columns: Columns, name: string): string[] {
  const value = columns.take(name);
  if (!Array.isArray(value)) return [columns.text(name)];
  if (value.length > 0 && value.every((text) => typeof text === "string")) {
    if (value.length > 1) columns.ignore(`${name}[1…]`);
    return value;
  }
  throw columns.error(name, "must be a text, or a list with at least one text");
}

/** A column with a text, or a list of texts that belong together. */
export function joinedText(columns: Columns, name: string): string {
  const value = columns.take(name);
  if (Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === "string")) {
    return value.join("\n");
  }
  return columns.text(name);
}

export const isTokenIds = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((id) => typeof id === "number");
