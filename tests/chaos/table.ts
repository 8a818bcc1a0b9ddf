/** The table that a run ends with. */
import { KINDS } from "./ledger.ts";
import type { RunResult } from "./run.ts";

/** Promises that the run saw broken, in words. Nothing where all hold. */
export function brokenPromises({ lost, problems, usage, published, attacks }: RunResult): string[] {
  const broken = lost.map((name) => `lost: ${name}`);
  if (usage.charged < usage.acknowledged) {
    broken.push(`usage has ${usage.charged} tokens, and ${usage.acknowledged} came in replies that were whole`);
  }
  for (const job of published.notOnce) broken.push(`not published exactly once: ${job}`);
  for (const { name, observed, kills } of attacks) {
    if (observed.ends.cut > 0) broken.push(`${observed.ends.cut} streams ended early without an error during ${name}`);
    if (!kills && observed.failures > 0)
      broken.push(`${observed.failures} replies of 5xx to the other tenant during ${name}`);
    if (!kills && observed.ends.failed > 0) broken.push(`${observed.ends.failed} streams failed during ${name}`);
  }
  return [...broken, ...problems];
}

export function table(result: RunResult): string {
  const { counts, usage, published, attacks, memory, seed, seconds } = result;
  const rows: (readonly string[])[] = [["kind", "acknowledged", "lost"]];
  for (const kind of KINDS) rows.push([kind, String(counts[kind].acknowledged), String(counts[kind].lost)]);
  rows.push(["usage (tokens)", String(usage.acknowledged), String(Math.max(0, usage.acknowledged - usage.charged))]);
  rows.push(["published once", String(published.jobs), String(published.notOnce.length)]);
  rows.push([], ["attack", "times", "largest gap", "streams: whole", "failed", "cut", "5xx"]);
  for (const { name, times, observed } of attacks) {
    const { ends, failures, gap } = observed;
    rows.push([
      name,
      String(times),
      `${Math.round(gap)} ms`,
      ...[ends.whole, ends.failed, ends.cut, failures].map(String),
    ]);
  }
  rows.push([], ["memory", "start", "end"]);
  for (const [name, { start, end }] of Object.entries(memory)) rows.push([name, mb(start), mb(end)]);
  const broken = brokenPromises(result);
  const verdict = broken.length === 0 ? "Every promise held." : `${broken.length} broken: ${broken.join("; ")}`;
  return `${aligned(rows)}\n\nseed ${seed}, ${Math.round(seconds)} s. ${verdict}\n`;
}

const mb = (value: number | null): string => (value === null ? "unknown" : `${value} MB`);

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2, 3, 4, 5, 6].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  "),
    )
    .join("\n");
}
