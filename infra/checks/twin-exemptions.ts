/** Source files without a test of their own, each with the reason. A file with logic does not belong here. */
export const TWIN_EXEMPTIONS: Readonly<Record<string, string>> = {
  "infra/checks/twin-exemptions.ts": "this table",
  "infra/start/edge-process.ts": "a program: tests/infra/start/stack.test.ts runs and kills it",
  "infra/start/serve.ts": "a program: tests/infra/start/stack.test.ts runs it",
  "infra/start/start.ts": "a program: tests/e2e/main-job.test.ts runs it",
  "infra/start/worker-options.ts": "a program: tests/infra/start/bundle-worker.test.ts runs it",
  "edge/worker.ts": "names the classes and the app: every test of a route runs it",
  "trainer/main.ts": "a command; tests/trainer/service/start.test.ts starts, kills and ends it as a process",
  "trainer/peft/method.ts": "types alone",
  "trainer/recipes/recipe.ts": "types alone",
  "trainer/recipes/registry.ts": "a table that its type makes total",
};
