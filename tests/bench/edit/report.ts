import { table } from "../../../infra/cli/table.ts";
import type { EditBench } from "./edit.ts";

/** A row for each kind of work: seconds on both sides, how many times faster this project is, and whether the edits hold. */
export function editTable({ works, machine, versions, ceiling, threads, statistics, load }: EditBench): string {
  const seconds = (value: number | undefined) => (value === undefined ? "" : value.toFixed(value < 1 ? 3 : 2));
  const share = (value: number | undefined) => (value === undefined ? "" : `${(100 * value).toFixed(1)} %`);
  const rows = works.map(({ work, ours, torch, ratio }) => [
    work,
    ...[seconds(ours.seconds), seconds(torch?.seconds), ratio === undefined ? "" : `${ratio.toFixed(1)} ×`],
    ...[seconds(ours.cpu_seconds), seconds(torch?.cpu_seconds)],
    torch === undefined ? "" : `${(torch.cpu_seconds / ours.cpu_seconds).toFixed(1)} ×`,
    ...[share(ours.efficacy), share(torch?.efficacy)],
  ]);
  const titles = ["work", "seconds", "torch", "faster", "cpu s", "torch", "faster", "holds", "torch"];
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const peer = others.length === 0 ? "did not run: name a Python that has it with --python" : others.join(", ");
  return [
    table(titles, rows, { right: [1, 2, 3, 4, 5, 6, 7, 8] }),
    "",
    `torch      ${peer}`,
    `given      C over ${statistics.tokens} tokens, made in ${statistics.seconds.toFixed(1)} s; ${threads} threads`,
    `ceiling    ${ceiling.toFixed(0)} GFLOP/s of large products, by processor time`,
    `machine    ${machine.cpu}, ${machine.cores} cores, load ${load.map((one) => one.toFixed(1)).join(" before and ")} after`,
  ].join("\n");
}
