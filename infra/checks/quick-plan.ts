/** Chooses the tests of a change that fit into a minute, and explains the others. */
import type { Related } from "./related-tests.ts";

export interface Plan {
  /** Test files of each project of vitest.config.ts: `near` in a separate run, so that nothing can precede it. */
  readonly node: Related;
  readonly workerd: Related;
  readonly leftOut: readonly (readonly [path: string, why: string])[];
}

export interface Concerned {
  /** Paths relative to the repository's root. */
  readonly changed: readonly string[];
  readonly related: Related;
  /** Every test file. */
  readonly tests: readonly string[];
}

/** Tests that start several processes and wait for them to end; one may take the whole minute. */
const WHOLE_STACKS = /^tests\/(e2e\/|infra\/start\/stack\.test\.ts$)/;
/** The sources of a stack, most of which run in processes that no test names. */
const IN_STACKS = /^(shared|edge|trainer|infra\/start)\//;

/** Files that decide how everything is built, checked or run. */
const CONCERNS_ALL =
  /^(package(-lock)?\.json|vitest\.config\.ts|wrangler\.toml|biome\.json|(edge\/)?tsconfig\.json|\.ci\/.*)$/;

/** Groups the tests that a change concerns by the project that runs them. */
export function planTests({ changed, related: { near, far }, tests }: Concerned): Plan {
  const all = [...near, ...far];
  const inStacks = changed.some((path) => IN_STACKS.test(path));
  const tooLong = tests.filter((path) => WHOLE_STACKS.test(path) && (inStacks || all.includes(path)));
  const inWorkerd = (path: string) => path.startsWith("tests/edge/");
  const inNode = (path: string) => !WHOLE_STACKS.test(path) && !inWorkerd(path);
  return {
    node: { near: near.filter(inNode), far: far.filter(inNode) },
    workerd: { near: near.filter(inWorkerd), far: far.filter(inWorkerd) },
    leftOut: [
      ...tooLong.map((path) => [path, "starts whole stacks"] as const),
      ...changed.filter((path) => CONCERNS_ALL.test(path)).map((path) => [path, "concerns every test"] as const),
    ],
  };
}
