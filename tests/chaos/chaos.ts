/**
 * `npm run chaos -- --minutes 5 --seed 7`: attacks a stack of its own, and prints what held. Exits with 1 if a promise broke. The same
 * seed makes the same attacks in the same order.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { choosePort } from "../../infra/start/free-port.ts";
import { runChaos } from "./run.ts";
import { brokenPromises, table } from "./table.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    streams: { type: "string", default: "4" },
    port: { type: "string", default: "0" },
    /** Where the stack keeps its data; a folder that is deleted afterwards where left out. */
    state: { type: "string" },
  },
});
const [minutes, seed, streams] = [Number(values.minutes), Number(values.seed), Number(values.streams)];
if (!(minutes > 0 && minutes <= 1440) || !Number.isSafeInteger(seed) || !Number.isInteger(streams) || streams < 1) {
  throw new Error(
    "--minutes is above 0 and at most 1440; --seed and --streams are whole numbers, and --streams is at least 1.",
  );
}
const state = values.state ?? mkdtempSync(join(tmpdir(), "trimtab-chaos-"));
const WIDTH = 24;
const write = (line: string): void =>
  void process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
const progress = (share: number, what: string): void => {
  const done = Math.round(share * WIDTH);
  write(`${"█".repeat(done)}${"░".repeat(WIDTH - done)} ${Math.round(share * 100)}%  ${what}`);
};
try {
  const port = await choosePort(values.port);
  const result = await runChaos({ state, port, minutes, seed, streams, progress, log: write });
  process.stdout.write(`\n${table(result)}`);
  process.exitCode = brokenPromises(result).length === 0 ? 0 : 1;
} finally {
  if (values.state === undefined) rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
