/** `npm run simulate -- --seeds 10000 --first 1`: runs the simulated stack under many seeds. Exits with 1 if one breaks a promise. */
import { parseArgs } from "node:util";
import { runSeed } from "./run-seed.ts";
import { buildStack } from "./stack.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    first: { type: "string", default: "1" },
    /** Prints the trace of every run. */
    trace: { type: "boolean", default: false },
  },
});
const [first, count] = [Number(values.first), Number(values.seeds)];
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  throw new Error("--first and --seeds are whole numbers, and --seeds is at least 1.");
}
// What fails by design here is what the objects would log.
console.error = () => {};
console.warn = () => {};
const stack = await buildStack();
const broken: number[] = [];
let jobs = 0;
const started = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const result = await runSeed(stack, seed);
  jobs += result.jobs;
  if (result.problems.length > 0) {
    broken.push(seed);
    if (broken.length <= 10) console.log(`seed ${seed}: ${result.problems.join("; ")}`);
    if (broken.length === 1 && !values.trace)
      console.log(`replay: npm run simulate -- --first ${seed} --seeds 1 --trace`);
  }
  if (values.trace) console.log(result.trace.join("\n"));
}
const seconds = (performance.now() - started) / 1000;
console.log(`${count} seeds, ${jobs} jobs, ${broken.length} broken seeds, ${seconds.toFixed(1)} s`);
process.exitCode = broken.length > 0 ? 1 : 0;
