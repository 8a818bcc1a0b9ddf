#!/usr/bin/env node
/**
 * Launches the `trimtab` command. Plain JavaScript, because it runs on the system's Node; it passes its arguments to the
 * program under the project's own Node 22.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
const program = join(root, "infra/cli/main.ts");
const run = spawnSync(join(root, "node_modules/.bin/node"), [program, ...process.argv.slice(2)], { stdio: "inherit" });
if (run.error !== undefined) console.error(`${run.error.message}; run \`npm ci\` first`);
process.exitCode = run.status ?? 1;
