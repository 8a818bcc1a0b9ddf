import { table } from "../../../infra/cli/table.ts";
import type { GenerateBench } from "./generate.ts";

/** A row for each batch size: how fast it generates, and how near that is to what the machine allows. */
export function generateTable(bench: GenerateBench): string {
  const { sides, ceilings, machine, sampled_against_scored: difference } = bench;
  const rows = sides.map(({ slots, capacity, tokens_per_second: rate, ms_per_step: ms }) => [
    String(slots),
    String(capacity),
    rate.toFixed(0),
    ms.toFixed(2),
    `${((100 * rate) / ceilings.by_arithmetic).toFixed(0)} %`,
  ]);
  return [
    table(["rows", "capacity", "tokens/s", "ms/step", "of the ceiling"], rows, { right: [0, 1, 2, 3, 4] }),
    "",
    `${bench.prompts} prompts, ${bench.max_tokens} tokens each, sampled, with log-probabilities; by processor time, prefill included`,
    `ceiling    ${ceilings.by_arithmetic.toFixed(0)} tokens/s by large products; a row at a time ${ceilings.by_memory.toFixed(0)} tokens/s by reading the weights`,
    `sampled    log-probabilities differ from the training graph's by ${difference.most.toExponential(1)} nats at most, in ${difference.tokens} tokens`,
    `machine    ${machine.cpu}, one of ${machine.cores} cores`,
  ].join("\n");
}
