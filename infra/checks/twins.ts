/** Every source file has its test at the same path under `tests/`, or a reason for having none. */

/**
 * What is wrong with the pairing, one line each.
 *
 * @param sources paths relative to the repository's root
 * @param tests paths relative to the repository's root
 * @param exemptions path, or folder with a slash at its end → why there is nothing to test
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
    const rule = Object.keys(exemptions).find((key) => key === path || (key.endsWith("/") && path.startsWith(key)));
    if (rule === undefined)
      wrong.push(`${path}: write ${twinOf(path)}, or say in infra/checks/twin-exemptions.ts why not`);
    else used.add(rule);
  }
  for (const key of Object.keys(exemptions)) {
    if (!used.has(key)) wrong.push(`infra/checks/twin-exemptions.ts: ${key} exempts nothing: take it out`);
  }
  return wrong;
}

/** `a/b.ts` → `tests/a/b.test.ts` */
export function twinOf(path: string): string {
  return `tests/${path.replace(/\.m?ts$|\.mjs$/, "")}.test.ts`;
}
