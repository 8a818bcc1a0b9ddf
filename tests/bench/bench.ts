/**
 * Benchmarks: `npm run bench -- NAME [options]`. Each prints a small table; `--json` prints JSON instead, and `--write` saves
 * the figures in `results`.
 */
import { benchAlign } from "./align/align.ts";
import { benchData } from "./data/data.ts";
import { benchEdit } from "./edit/edit.ts";
import { benchGenerate } from "./generate/generate.ts";
import { benchHead } from "./head/head.ts";
import { benchPeft } from "./peft/peft.ts";
import { benchProbe } from "./probe/probe.ts";
import { benchQlora } from "./qlora/qlora.ts";
import { benchScoring } from "./scoring/scoring.ts";
import { benchServing } from "./serving/serving.ts";
import { benchSharing } from "./sharing/sharing.ts";
import { benchSteering } from "./steering/steering.ts";

interface Bench {
  readonly about: string;
  run(args: readonly string[]): Promise<void>;
}

const BENCHES: Readonly<Record<string, Bench>> = {
  align: { about: "training on preferences and rewards, beside trl on PyTorch", run: benchAlign },
  data: { about: "looking at a large dataset: seconds, memory, and how many planted copies are found", run: benchData },
  edit: { about: "editing facts with ROME and MEMIT, beside the published algorithms on PyTorch", run: benchEdit },
  generate: { about: "sampling beside training, in batches of 1, 8 and 32 rows", run: benchGenerate },
  head: { about: "a training step with the logits of every position, and in chunks of labelled ones", run: benchHead },
  peft: { about: "every method on one task: quality, memory, time, forgetting", run: benchPeft },
  probe: { about: "trying candidates for a row's next token, by a probe and by decoding them", run: benchProbe },
  qlora: { about: "peak memory of training on a 4-bit base, compared with plain LoRA", run: benchQlora },
  scoring: {
    about: "scoring the tokens of prompts, compared with reading them, and another tenant's stream beside it",
    run: benchScoring,
  },
  serving: {
    about: "decoding in workerd when every row has its own delta, compared with bare rows",
    run: benchServing,
  },
  sharing: { about: "requests that share a prompt, and a tenant beside floods of others", run: benchSharing },
  steering: {
    about: "what a token costs with each part of steering, compared with plain decoding",
    run: benchSteering,
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
