import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { plotOf } from "./peft/plot.ts";
import { markdownTable as peftTable } from "./peft/report.ts";
import { markdownTable as servingTable } from "./serving/report.ts";

const read = (path: string) => readFileSync(join(import.meta.dirname, path), "utf8");
const figures = (name: string) => JSON.parse(read(`results/${name}.json`));

it.each([
  ["methods", () => peftTable(figures("peft"))],
  ["serving", () => servingTable(figures("serving"))],
])("docs/benchmarks.md shows the saved figures for %s", (_, table) => {
  expect(read("../../docs/benchmarks.md")).toContain(table());
});

it("the saved plot shows the saved figures", () => {
  expect(plotOf(figures("peft"))).toBe(read("results/peft.svg"));
});

it("docs/benchmarks.md states QLoRA's saved share", () => {
  const { peak_share: share, base } = figures("qlora");
  expect(read("../../docs/benchmarks.md")).toContain(
    `${(100 * share).toFixed(1)} % of LoRA's peak on a base of ${(base.parameters / 1e6).toFixed(0)} million parameters`,
  );
});
