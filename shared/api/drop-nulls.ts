/**
 * Makes null the same as absent: deletes every property whose value is null, at any depth. Changes `value` in place.
 * Null elements of lists stay, because removing them would shift the elements after them.
 *
 * What properties with a name in `kept` hold is left as it is, nulls included.
 *
 * It is a loop, since a body may nest deeper than the call stack reaches.
 */
export function dropNulls(value: unknown, kept: ReadonlySet<string> = new Set()): void {
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== "object" || next === null) continue;
    if (!Array.isArray(next)) {
      for (const [key, child] of Object.entries(next)) if (child === null) Reflect.deleteProperty(next, key);
    }
    for (const [key, child] of Object.entries(next)) {
      if (typeof child === "object" && (Array.isArray(next) || !kept.has(key))) pending.push(child);
    }
  }
}
