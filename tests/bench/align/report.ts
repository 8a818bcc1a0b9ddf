import { table } from "../../../infra/cli/table.ts";
import type { AlignBench } from "./align.ts";

/** A row for each kind of work: tokens a second on both sides, and how many times trl's this project does. */
export function alignTable(bench: AlignBench): string {
  const { works, machine, versions, ceiling, threads, base, load } = bench;
  const rows = works.map(({ work, ours, trl, ratio }) => [
    work,
    ours.tokens_per_second.toFixed(0),
    trl?.tokens_per_second.toFixed(0) ?? "",
    ratio === undefined ? "" : `${ratio.toFixed(2)} ×`,
    ours.tokens_per_cpu_second.toFixed(0),
    trl?.tokens_per_cpu_second.toFixed(0) ?? "",
    trl === undefined ? "" : `${(ours.tokens_per_cpu_second / trl.tokens_per_cpu_second).toFixed(2)} ×`,
  ]);
  const titles = ["work", "tokens/s", "trl", "faster", "tokens/cpu s", "trl", "faster"];
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const peer = others.length === 0 ? "did not run: name a Python that has it with --python" : others.join(", ");
  return [
    table(titles, rows, { right: [1, 2, 3, 4, 5, 6] }),
    "",
    `base       ${(base.parameters / 1e6).toFixed(1)} million parameters in float32, LoRA on every linear layer, ${threads} threads`,
    `trl        ${peer}`,
    `ceiling    ${ceiling.toFixed(0)} GFLOP/s of large products, by processor time`,
    `machine    ${machine.cpu}, ${machine.cores} cores, load ${load.map((one) => one.toFixed(1)).join(" before and ")} after`,
  ].join("\n");
}
