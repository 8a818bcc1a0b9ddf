import { execFileSync } from "node:child_process";
import { median } from "../median.ts";
import { CASES, type HeadRun } from "./cases.ts";

/** `npm run bench -- head`: a training step with the logits of every position, and with those of labelled ones in chunks. */
export async function benchHead(args: readonly string[]): Promise<void> {
  const rounds = 3;
  const found = CASES.map(({ name }) => {
    const runs: Record<"whole" | "chunks", HeadRun[]> = { whole: [], chunks: [] };
    // In turns, each in a process of its own: a process's peak cannot be reset.
    for (let round = 0; round < rounds; round++)
      for (const way of ["whole", "chunks"] as const) runs[way].push(measured(name, way));
    const of = (way: "whole" | "chunks") => ({
      peak_mb: Math.round(median(runs[way].map(({ peakBytes }) => peakBytes)) / 2 ** 20),
      step_ms: Math.round(median(runs[way].map(({ stepMs }) => stepMs))),
      loss: runs[way][0]!.loss,
    });
    return { name, whole: of("whole"), chunks: of("chunks") };
  });
  if (args.includes("--json")) {
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  const lines = found.map(
    ({ name, whole, chunks }) =>
      `| ${name} | ${whole.peak_mb} MB | ${chunks.peak_mb} MB | ${whole.step_ms} ms | ${chunks.step_ms} ms | ${whole.loss.toFixed(6)} | ${chunks.loss.toFixed(6)} |`,
  );
  process.stdout.write(
    `| Model | Peak, whole logits | Peak, chunks | Step, whole | Step, chunks | Loss, whole | Loss, chunks |\n|---|--:|--:|--:|--:|--:|--:|\n${lines.join("\n")}\n`,
  );
}

function measured(name: string, way: "whole" | "chunks"): HeadRun {
  const script = new URL("./run-case.ts", import.meta.url).pathname;
  return JSON.parse(execFileSync(process.execPath, [script, name, way], { encoding: "utf8" })) as HeadRun;
}
