/**
 * Rebuilds the embedded base from its seed: tokenizer, pretraining, evaluation, model card. Takes up to two hours on two cores;
 * if interrupted, it resumes from the last pretraining checkpoint.
 *
 *     npm run make:base
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const STEPS = [
  ["tokenizer/make.ts"],
  ["pretraining/pretrain.ts"],
  ["evaluation/make-probes.ts"],
  ["evaluation/run.ts", "--card"],
];

for (const [script, ...flags] of STEPS) {
  const path = fileURLToPath(new URL(script!, import.meta.url));
  const { status } = spawnSync(process.execPath, [path, ...flags], { stdio: "inherit" });
  if (status !== 0) {
    console.error(`${script} failed: the base is incomplete`);
    process.exit(status ?? 1);
  }
}
