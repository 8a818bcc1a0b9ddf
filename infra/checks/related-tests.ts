/** Finds the tests that a change concerns: those that name a changed file, or a file that names it, and so on. */
import { posix } from "node:path";
import { scan } from "./source.ts";
import { twinOf } from "./twins.ts";

/** Path → the paths that its text names. */
export type References = ReadonlyMap<string, readonly string[]>;

export interface Related {
  /** The changed tests and the twins of changed sources. */
  readonly near: readonly string[];
  /** All other tests that a changed file reaches, the fewest steps away first. */
  readonly far: readonly string[];
}

/**
 * The files and folders that each file names relative to itself: its imports, and what it reads or starts by a path
 * such as `join(import.meta.dirname, "../golden/peft")`. Does not detect a path assembled from parts.
 *
 * @param texts path → text of every source and test
 */
export function references(texts: ReadonlyMap<string, string>): References {
  return new Map(
    [...texts].map(([path, text]) => {
      const named = scan(text).strings.filter((string) => /^\.\.?\/./.test(string));
      const folder = posix.dirname(path);
      return [path, named.map((name) => posix.join(folder, withoutPattern(name)).replace(/\/$/, ""))];
    }),
  );
}

/** The tests among the files of `references` that the changed files concern; deleted ones still concern those that name them. */
export function relatedTests(changed: readonly string[], references: References): Related {
  const namedBy = new Map<string, string[]>();
  for (const [path, named] of references) {
    for (const name of named) namedBy.set(name, [...(namedBy.get(name) ?? []), path]);
  }
  const isTest = (path: string) => path.endsWith(".test.ts") && references.has(path);
  const near = new Set([...changed, ...changed.map(twinOf)].filter(isTest));
  const reached = new Set(changed);
  for (let ring: readonly string[] = changed; ring.length > 0; ) {
    const next = ring.flatMap((path) => withFolders(path).flatMap((name) => namedBy.get(name) ?? []));
    ring = [...new Set(next)].filter((path) => !reached.has(path)).sort();
    for (const path of ring) reached.add(path);
  }
  return { near: [...near].sort(), far: [...reached].filter((path) => isTest(path) && !near.has(path)) };
}

/** `a.json?raw` → `a.json`, and a glob → the folder that it searches. */
function withoutPattern(name: string): string {
  return name.replace(/\?.*$/, "").replace(/\/[^/]*\*.*$/, "");
}

/** `a/b/c.json` → itself, `a/b` and `a`: a file that names a folder reads its contents. */
function withFolders(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
}
