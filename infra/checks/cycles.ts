/** Files that import one another in a circle, type-only imports included: no part of such a circle can be read or moved alone. */
import { posix } from "node:path";
import { importsOf, scan } from "./source.ts";

/**
 * One line for each group of files that all reach one another: the shortest circle through its first file.
 *
 * @param sources path relative to the repository's root, with forward slashes → text
 */
export function importCycles(sources: ReadonlyMap<string, string>): string[] {
  const imports = new Map([...sources].map(([path, text]) => [path, importedFiles(path, text, sources)]));
  const reached = new Map([...imports.keys()].map((path) => [path, reachedFrom(path, imports)]));
  const grouped = new Set<string>();
  const found: string[] = [];
  for (const path of [...imports.keys()].sort()) {
    if (grouped.has(path) || !reached.get(path)!.has(path)) continue;
    for (const other of reached.get(path)!) if (reached.get(other)!.has(path)) grouped.add(other);
    const circle = shortestCircle(path, imports);
    found.push(
      `${circle.join(" → ")}: a circle of imports; move what they share into a file that imports none of them`,
    );
  }
  return found;
}

function importedFiles(path: string, text: string, sources: ReadonlyMap<string, string>): string[] {
  return importsOf(scan(text))
    .flatMap(({ specifier }) => (specifier?.startsWith(".") ? [specifier] : []))
    .map((specifier) => posix.normalize(posix.join(posix.dirname(path), specifier)))
    .filter((target) => sources.has(target));
}

/** All files that a file imports, directly or through others. Contains the file itself only if it is in a circle. */
function reachedFrom(start: string, imports: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const waiting = [...imports.get(start)!];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    waiting.push(...imports.get(path)!);
  }
  return reached;
}

/** Breadth first, to find a shortest circle. */
function shortestCircle(start: string, imports: ReadonlyMap<string, readonly string[]>): string[] {
  const importer = new Map<string, string>();
  const waiting = [start];
  for (const path of waiting) {
    for (const target of imports.get(path)!) {
      if (target === start) {
        const circle = [path, start];
        while (circle[0] !== start) circle.unshift(importer.get(circle[0]!)!);
        return circle;
      }
      if (importer.has(target)) continue;
      importer.set(target, path);
      waiting.push(target);
    }
  }
  return [];
}
