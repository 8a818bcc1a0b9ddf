/**
 * Benchmarks: `npm run bench -- NAME [options]`. Each prints a small table; `--json` prints JSON instead, and `--write` keeps
 * the figures under `results`.
 */
import { benchPeft } from "./peft/peft.ts";
import { benchProbe } from "./probe/probe.ts";
import { benchQlora } from "./qlora/qlora.ts";
import { benchServing } from "./serving/serving.ts";

interface Bench {
  readonly about: string;
  run(args: readonly string[]): Promise<void>;
}

const BENCHES: Readonly<Record<string, Bench>> = {
  peft: { about: "every method on one task: quality, memory, time, forgetting", run: benchPeft },
  probe: {
    about: "what several candidates for a row's next token would lead to, beside decoding them, in workerd",
    run: benchProbe,
  },
  qlora: { about: "peak memory of training on a base in 4 bits, beside plain LoRA's", run: benchQlora },
  serving: {
    about: "a batch whose rows all have deltas of their own, beside bare rows, in workerd",
    run: benchServing,
  },
};

const [name = "", ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  const list = Object.entries(BENCHES).map(([each, { about }]) => `  ${each.padEnd(10)} ${about}\n`);
  process.stderr.write(`usage: npm run bench -- NAME [options]\n\n${list.join("")}`);
  process.exitCode = 2;
} else {
  await bench.run(args).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
