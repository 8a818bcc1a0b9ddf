/** Every source file has its test at the same path under `tests/`, or a reason for having none. */

/**
 * What is wrong with the pairing, one line each.
 *
 * @param sources paths relative to the repository's root
 * @param tests paths relative to the repository's root
 * @param exemptions path, folder with a slash at its end, or path in which `{word}` stands for one name, the same wherever it
 *   stands → why there is nothing to test
 */
export function missingTwins(
  sources: readonly string[],
  tests: readonly string[],
  exemptions: Readonly<Record<string, string>>,
): string[] {
  const present = new Set(tests);
  const untested = sources.filter((path) => !present.has(twinOf(path)));
  const used = new Set<string>();
  const wrong: string[] = [];
  for (const path of untested) {
    const rule = Object.keys(exemptions).find((key) => exempts(key, path));
    if (rule === undefined)
      wrong.push(`${path}: write ${twinOf(path)}, or say in infra/checks/twin-exemptions.ts why not`);
    else used.add(rule);
  }
  for (const key of Object.keys(exemptions)) {
    if (!used.has(key)) wrong.push(`infra/checks/twin-exemptions.ts: ${key} exempts nothing: take it out`);
  }
  return wrong;
}

function exempts(key: string, path: string): boolean {
  if (key.endsWith("/")) return path.startsWith(key);
  if (!key.includes("{")) return key === path;
  const seen = new Set<string>();
  const pattern = key.replace(/[.+]|\{(\w+)\}/g, (text, word?: string) => {
    if (word === undefined) return `\\${text}`;
    if (seen.has(word)) return `\\k<${word}>`;
    seen.add(word);
    return `(?<${word}>[^/]+)`;
  });
  return new RegExp(`^${pattern}$`).test(path);
}

/** `a/b.ts` → `tests/a/b.test.ts` */
export function twinOf(path: string): string {
  return `tests/${path.replace(/\.m?ts$|\.mjs$/, "")}.test.ts`;
}
