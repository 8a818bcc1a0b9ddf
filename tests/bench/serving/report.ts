import { table } from "../../../infra/cli/table.ts";
import { LOADS } from "./deltas.ts";
import type { ServingBench } from "./serving.ts";

const ms = (value: number) => value.toFixed(2);
const right = (columns: number) => ({ right: Array.from({ length: columns - 1 }, (_, i) => i + 1) });

/** One row per method: the time of a step at each batch size, if every row has its own delta. */
export function loadTable({ loads, ceiling, clock, rank, positions, machine }: ServingBench): string {
  const sizes = [...new Set(loads.map(({ rows }) => rows))];
  const head = [
    "method",
    ...sizes.flatMap((rows) => [`${rows} ${rows === 1 ? "row" : "rows"}`, "overhead"]),
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
    `ms per decoding step; each row has its own delta of rank ${rank}, or ${positions} virtual tokens or prefix positions`,
    "overhead   compared with the bare base in the same rounds",
    "join       replacing one row by another in a batch of 16",
    "32 tokens  a chunk of one row's prompt, plus its virtual tokens",
    `ceiling    ${ceiling.gemmGflops.toFixed(0)} GFLOP/s for large products, ${ceiling.gemvGbPerSecond.toFixed(0)} GB/s for a row times matrices; one WASM thread`,
    `machine    ${machine.cpu}, one of ${machine.cores} cores; ${clock === "wall" ? "elapsed" : "processor"} time`,
  ].join("\n");
}

/** The time of a step of the largest batch, as a Markdown table for the README. */
export function markdownTable({ loads }: ServingBench): string {
  const most = Math.max(...loads.map(({ rows }) => rows));
  const cells = loads
    .filter(({ rows }) => rows === most)
    .map(({ load, stepMs, overhead }) => [load, ms(stepMs), load === "bare" ? "" : `${(100 * overhead).toFixed(0)} %`]);
  return [[`${most} rows of`, "ms/step", "overhead"], ["---", "--:", "--:"], ...cells]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

/** The time of a step in both layouts, by the number of different deltas in the batch. */
export function crossingTable({ crossing }: ServingBench): string {
  const head = ["LoRA deltas among 16 rows", "bank", "rows", "chosen layout"];
  const rows = crossing.map(({ distinct, bankMs, rowsMs, chosen }) => [
    String(distinct),
    ms(bankMs),
    ms(rowsMs),
    chosen,
  ]);
  return table(head, rows, right(head.length));
}
