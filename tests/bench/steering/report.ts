import { table } from "../../../infra/cli/table.ts";
import type { CaseResult, SteeringBench } from "./steering.ts";

const ms = (value: number) => value.toFixed(2);
const ratio = (value: number) => `${value.toFixed(2)} ×`;

export function report(bench: SteeringBench): string {
  const { rules, mix, ceiling, machine, clock, load } = bench;
  const head = ["steering", "texts", "rows", "ms/token", "ratio", "with prompt", "ratio", "prefilled", "target"];
  const cells = bench.cases.map((one) => [
    one.name,
    String(one.batch),
    String(one.batch * one.rows),
    ms(one.decodeMs),
    ratio(one.decodeRatio),
    ms(one.tokenMs),
    ratio(one.tokenRatio),
    String(one.prefilled),
    verdict(one),
  ]);
  const shared = (bench.shared ?? []).map(
    ({ name, choices, prefilled, apart }) => `${name}: ${prefilled} for ${choices} choices, ${apart} apart`,
  );
  const ofRules =
    rules === undefined
      ? []
      : [
          `rules        ${ratio(rules.ratio)} over ${rules.schemas} schemas and ${rules.tokens} tokens, with masks that were never asked before; compiling one takes ${ms(rules.compileMs)} ms`,
          `masks        p50 ${ms(rules.masks.p50Ms)} ms, p99 ${ms(rules.masks.p99Ms)} ms, most ${ms(rules.masks.mostMs)} ms of ${rules.masks.count}; compiling: p50 ${ms(rules.compile.p50Ms)} ms, p99 ${ms(rules.compile.p99Ms)} ms; in Node`,
        ];
  return [
    table(head, cells, { right: [1, 2, 3, 4, 5, 6, 7] }),
    "",
    `ms/token     of a token of every text, of ${bench.tokens} after a prompt of ${bench.prompt}; the ratio is to plain texts of the same turn`,
    "with prompt  the whole text with what it prefills, for each token",
    "prefilled    positions for each text, of companions too",
    ...ofRules,
    ...(shared.length === 0 ? [] : [`shared       ${shared.join("; ")}`]),
    ...(mix === undefined
      ? []
      : [
          `mixed load   ${mix.requests} requests, ${mix.tokens} tokens, ${ms(mix.ms / mix.tokens)} ms each; ${mix.sessions} graphs compiled`,
        ]),
    `ceiling      ${ceiling.gemmGflops.toFixed(0)} GFLOP/s for large products, ${ceiling.gemvGbPerSecond.toFixed(0)} GB/s for a row times matrices; one WASM thread`,
    `machine      ${machine.cpu}, one of ${machine.cores} cores; ${clock === "wall" ? "elapsed" : "processor"} time; load ${load.map((one) => one.toFixed(1)).join(" to ")}`,
  ].join("\n");
}

function verdict({ target, batch, decodeRatio }: CaseResult): string {
  if (target === undefined || batch > 1) return "";
  return `${target} ${decodeRatio <= target ? "met" : "missed"}`;
}
