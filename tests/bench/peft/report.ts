import { table } from "../../../infra/cli/table.ts";
import { median } from "../median.ts";
import type { PeftBench, PeftBenchRow } from "./result.ts";

const HEAD = [
  "method",
  "trained",
  "held-out loss",
  "correct",
  "forgetting",
  "peak memory",
  "estimated",
  "ms/token",
  "estimated",
  "delta",
  "rate",
] as const;

/** The text that the benchmark prints. */
export function textReport(bench: PeftBench): string {
  const { task, machine, threads, ceiling_gflops: ceiling, base } = bench;
  const rows = [baseCells(bench), ...byLoss(bench).map(cells)];
  return [
    table(HEAD, rows, { right: HEAD.map((_, column) => column).slice(1) }),
    "",
    `${task.steps} steps of ${task.batch_size} examples of ${task.training_file} on ${task.base}, seed ${task.seed}; measured on ${task.validation_file}.`,
    "held-out loss  nats per token of the answers; the plot's axis is reversed",
    "correct        greedy replies in the sailor's style that state the right fact",
    `forgetting     increase in loss on text from the base's own corpus, which started at ${base.base_text_loss.toFixed(3)}`,
    "peak memory    of the training process; `base` is a process that has loaded the model but does not train",
    `ms/token       training time per token of text: processor time over ${threads} threads; elapsed time was ${busy(bench)} times as long`,
    "estimated      by shared/peft/cost.ts for the same batch",
    `ceiling        ${ceiling.median.toFixed(0)} GFLOP/s (${ceiling.least.toFixed(0)} to ${ceiling.most.toFixed(0)}) for products of 1024 × 1024 matrices between rounds`,
    `machine        ${machine.cpu}, ${threads} of ${machine.cores} cores, Node ${machine.node}`,
  ].join("\n");
}

/** A Markdown table for the README, with the columns that help to choose a method. */
export function markdownTable(bench: PeftBench): string {
  const columns = [0, 1, 2, 3, 4, 5, 7];
  const pick = (row: readonly string[]) => `| ${columns.map((column) => row[column]).join(" | ")} |`;
  const rule = `| ${columns.map((column) => (column === 0 ? "---" : "--:")).join(" | ")} |`;
  return [pick(HEAD), rule, pick(baseCells(bench)), ...byLoss(bench).map((row) => pick(cells(row)))].join("\n");
}

function byLoss({ rows }: PeftBench): readonly PeftBenchRow[] {
  return [...rows].sort((a, b) => a.held_out_loss - b.held_out_loss);
}

function baseCells({ base }: PeftBench): string[] {
  const { held_out_loss: loss, right_answers: right, peak_bytes: peak } = base;
  return ["base", "", loss.toFixed(3), percent(right), "", megabytes(peak), "", "", "", "", ""];
}

function cells(row: PeftBenchRow): string[] {
  const { ms_per_token: time, estimated } = row;
  return [
    row.name,
    row.trainable_parameters.toLocaleString("en"),
    row.held_out_loss.toFixed(3),
    percent(row.right_answers),
    `${row.forgetting < 0 ? "−" : "+"}${Math.abs(row.forgetting).toFixed(3)}`,
    megabytes(row.peak_bytes),
    megabytes(estimated.peak_bytes),
    time.median.toFixed(3),
    estimated.ms_per_token.toFixed(3),
    `${Math.round(row.delta_bytes / 1e3).toLocaleString("en")} kB`,
    row.learning_rate.toPrecision(2),
  ];
}

/** How much longer steps took than they would have on an idle machine. */
function busy({ rows }: PeftBench): string {
  return median(rows.map((row) => row.wall_ms_per_token.median / row.ms_per_token.median)).toFixed(1);
}

const percent = (share: number) => `${Math.round(100 * share)} %`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
