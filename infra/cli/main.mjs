/** The `trimtab` command. Results go to standard output; progress and errors to standard error. */
import { program } from "./program.mjs";

const run = program({
  print: (text) => process.stdout.write(text),
  fail: (text, status) => {
    process.stderr.write(text);
    process.exitCode = status;
  },
  progress: process.stderr,
  input: process.stdin,
  env: process.env,
  now: Date.now,
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
});
await run(process.argv.slice(2));
