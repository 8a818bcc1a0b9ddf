import { table } from "../../../infra/cli/table.ts";
import { LOADS } from "./deltas.ts";
import type { ServingBench } from "./serving.ts";

const ms = (value: number) => value.toFixed(2);
const right = (columns: number) => ({ right: Array.from({ length: columns - 1 }, (_, i) => i + 1) });

/** A row for each method: what a step takes at each number of rows, all with deltas of their own. */
export function loadTable({ loads, ceiling, clock, rank, positions, machine }: ServingBench): string {
  const sizes = [...new Set(loads.map(({ rows }) => rows))];
  const head = [
    "method",
    ...sizes.flatMap((rows) => [`${rows} ${rows === 1 ? "row" : "rows"}`, "more"]),
    "layout",
    "join",
    "32 tokens",
  ];
  const rows = LOADS.map((load) => {
    const found = sizes.map((size) => loads.find((one) => one.load === load && one.rows === size)!);
    const most = found.at(-1)!;
    const steps = found.flatMap(({ stepMs, overhead }) => [
      ms(stepMs),
      load === "bare" ? "" : `${(100 * overhead).toFixed(0)} %`,
    ]);
    return [load, ...steps, load === "bare" ? "" : most.layout, ms(most.joinMs), ms(found[0]!.prefillMs)];
  });
  return [
    table(head, rows, right(head.length)),
    "",
    `ms a decoding step; every row with a delta of its own, rank ${rank}, ${positions} virtual tokens or positions of prefix`,
    "more       than the bare base, in the same rounds",
    "join       one row in the place of another, with 16 in the batch",
    "32 tokens  a chunk of one row's prompt, virtual tokens on top",
    `ceiling    ${ceiling.gemmGflops.toFixed(0)} GFLOP/s by large products, ${ceiling.gemvGbPerSecond.toFixed(0)} GB/s by a row times matrices; one WASM thread`,
    `machine    ${machine.cpu}, one of ${machine.cores} cores; times of the ${clock === "wall" ? "clock" : "processor"}`,
  ].join("\n");
}

/** What a step of the largest batch takes, as a table in Markdown for the README. */
export function markdownTable({ loads }: ServingBench): string {
  const most = Math.max(...loads.map(({ rows }) => rows));
  const cells = loads
    .filter(({ rows }) => rows === most)
    .map(({ load, stepMs, overhead }) => [load, ms(stepMs), load === "bare" ? "" : `${(100 * overhead).toFixed(0)} %`]);
  return [[`${most} rows of`, "ms/step", "more"], ["---", "--:", "--:"], ...cells]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

/** Both layouts by the number of different deltas in a batch. */
export function crossingTable({ crossing }: ServingBench): string {
  const head = ["LoRA deltas among 16 rows", "bank", "rows' own", "served as"];
  const rows = crossing.map(({ distinct, bankMs, rowsMs, chosen }) => [
    String(distinct),
    ms(bankMs),
    ms(rowsMs),
    chosen,
  ]);
  return table(head, rows, right(head.length));
}
