/** Requests that are written as fields, such as "Name: …", a field to a line. */
import type { Random } from "../../random.ts";

export interface Fields {
  /** What stands before the fields and behind them. */
  readonly before: readonly string[];
  readonly fields: readonly string[];
  readonly after: readonly string[];
}

const FIELD = /^[\p{L}][\p{L}\p{N} _-]{0,40}:[ \t]*\S/u;

/** The longest run of at least two lines that are fields; undefined without one. */
export function fieldsOf(text: string): Fields | undefined {
  const lines = text.split("\n");
  let [best, end] = [0, 0];
  for (let at = 0, run = 0; at < lines.length; at++) {
    run = FIELD.test(lines[at]!) ? run + 1 : 0;
    if (run > best) [best, end] = [run, at + 1];
  }
  if (best < 2) return undefined;
  return { before: lines.slice(0, end - best), fields: lines.slice(end - best, end), after: lines.slice(end) };
}

export const joinFields = ({ before, fields, after }: Fields): string => [...before, ...fields, ...after].join("\n");

/** The fields in another order than they have. */
export function shuffled(fields: readonly string[], random: Random): string[] {
  const order = [...random.permutation(fields.length)];
  // Turned by one where the draw leaves everything in place.
  const isSame = order.every((place, at) => place === at);
  return order.map((place) => fields[isSame ? (place + 1) % fields.length : place]!);
}
