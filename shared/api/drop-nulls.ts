/**
 * Makes null the same as absent: deletes every property whose value is null, at any depth. Changes `value` in place.
 * Null elements of lists stay, because removing them would shift the elements after them.
 *
 * What properties with a name in `kept` hold is left as it is, nulls included.
 *
 * It is a loop, since a body may nest deeper than the call stack reaches.
 */
export function dropNulls(value: unknown, kept: ReadonlySet<string> = new Set()): void {
  const pending: object[] = [];
  const later = (child: unknown): void => {
    if (typeof child === "object" && child !== null) pending.push(child);
  };
  later(value);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (Array.isArray(next)) {
      for (const child of next) later(child);
      continue;
    }
    for (const key of Object.keys(next)) {
      const child: unknown = Reflect.get(next, key);
      if (child === null) Reflect.deleteProperty(next, key);
      else if (!kept.has(key)) later(child);
    }
  }
}
