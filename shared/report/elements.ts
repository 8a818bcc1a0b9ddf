/** The pieces of a report's page. Every text is escaped here: nothing that a model wrote becomes markup. */
import type { ReportCompared, ReportEstimate } from "../api/job-report.ts";
import { escaped } from "../plot/chart.ts";

/** Markup that is safe to insert. */
export interface Html {
  readonly html: string;
}

export const raw = (html: string): Html => ({ html });
const inner = (content: string | Html): string => (typeof content === "string" ? escaped(content) : content.html);

export function element(name: string, content: string | Html, attributes = ""): Html {
  return raw(`<${name}${attributes === "" ? "" : ` ${attributes}`}>${inner(content)}</${name}>`);
}

export function joined(parts: readonly (Html | undefined | null | false)[]): Html {
  const present = parts.filter((part): part is Html => typeof part === "object" && part !== null);
  return raw(present.map(({ html }) => html).join("\n"));
}

export interface Table {
  readonly caption: string;
  readonly head: readonly string[];
  /** The first cell of a row names it. */
  readonly rows: readonly (readonly (string | Html)[])[];
}

/** A table whose rows and columns have header cells. It scrolls by itself where the page is too narrow. */
export function table({ caption, head, rows }: Table): Html {
  const cells = (row: readonly (string | Html)[]) =>
    row
      .map((cell, index) => (index === 0 ? `<th scope="row">${inner(cell)}</th>` : `<td>${inner(cell)}</td>`))
      .join("");
  const label = escaped(caption);
  return raw(
    `<div class="scroll" role="region" tabindex="0" aria-label="${label}"><table><caption>${label}</caption><thead><tr>${head
      .map((name) => `<th scope="col">${escaped(name)}</th>`)
      .join("")}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join("")}</tbody></table></div>`,
  );
}

export type Format = (value: number) => string;
export const percent: Format = (value) => `${(100 * value).toFixed(1)} %`;
export const points: Format = (value) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)} points`;
export const decimal: Format = (value) => minus(value.toFixed(3));
export const signed: Format = (value) => (value < 0 ? decimal(value) : `+${decimal(value)}`);
const minus = (text: string) => text.replace(/^-/, "−");

/** The value with its interval and the number of what it is of; a dash where nothing was measured. */
export function estimate(of: ReportEstimate | null, format: Format): string {
  if (of === null) return "—";
  const interval = of.low === null || of.high === null ? "" : ` (${format(of.low)} to ${format(of.high)})`;
  return `${format(of.value)}${interval}, n = ${of.n}`;
}

/** A row: name, before, after, change. */
export function comparedRow(name: string, { before, after, change }: ReportCompared, formats: Formats): string[] {
  return [name, estimate(before, formats.value), estimate(after, formats.value), estimate(change, formats.change)];
}

export interface Formats {
  readonly value: Format;
  readonly change: Format;
}
export const SHARES: Formats = { value: percent, change: points };
export const NUMBERS: Formats = { value: decimal, change: signed };

export const COMPARED_HEAD = ["", "before", "after", "change, in pairs"] as const;
