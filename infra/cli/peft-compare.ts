import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { whyNotServed } from "../../edge/serving/limits.ts";
import { comparisonRow, type PeftComparisonRow } from "../../shared/api/peft.ts";
import { messageOf } from "../../shared/errors.ts";
import { wordIssue } from "../../shared/issue-words.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { compareMethods, defaultSettings } from "../../shared/peft/compare.ts";
import { ChosenSettings, PRESET_TYPES } from "../../shared/peft/presets.ts";
import { PEFT_METHODS } from "../../shared/peft/registry.ts";
import { table } from "./table.ts";

/** Of a server whose ENGINE_HEAP_MB is not set. */
const DEFAULT_HEAP_MIB = 96;
const EMBEDDED_BASE = join(import.meta.dirname, "../base/model");

export interface PeftCompareOptions {
  /** A Hugging Face folder or its config.json; defaults to the embedded base. */
  readonly model?: string | undefined;
  /** Settings as JSON, or names of methods and combinations; defaults to all methods. */
  readonly method?: readonly string[] | undefined;
  readonly json: boolean;
}

/** The output of `trimtab peft compare`. Throws an error that says what to change. */
export function peftCompare({ model = EMBEDDED_BASE, method, json }: PeftCompareOptions): string {
  const config = parseModelConfig(readConfig(model));
  const settings = method?.map(parseMethod) ?? defaultSettings();
  const rows = compareMethods(config, settings, { strict: method !== undefined, param: "method" }).map(comparisonRow);
  const notServed = whyNotServed(config, (Number(process.env.ENGINE_HEAP_MB) || DEFAULT_HEAP_MIB) * 1024 * 1024);
  if (json) return `${JSON.stringify({ object: "list", data: rows, not_served: notServed }, null, 2)}\n`;
  const refused = rows.filter((row) => row.refused !== null).map((row) => `${row.type}: ${row.refused}`);
  const warning = notServed === null ? [] : [`This model can be trained but not served here: ${notServed}.`];
  return `${[compared(rows), ...refused, ...warning].join("\n\n")}\n`;
}

function compared(rows: readonly PeftComparisonRow[]): string {
  const head = ["method", "trained", "delta", "peak memory", "ms/token", "serving", "merges", "suits"];
  const lines = rows
    .filter(({ refused }) => refused === null)
    .map((row) => [
      row.type,
      row.trainable_parameters!.toLocaleString("en"),
      bytes(row.delta_bytes!),
      bytes(row.training_peak_bytes!),
      row.training_ms_per_token!.toPrecision(2),
      `+${(100 * row.serving_overhead!).toFixed(0)} %`,
      row.mergeable ? "yes" : "no",
      row.suits,
    ]);
  return table(head, lines, { right: [1, 2, 3, 4, 5] });
}

function bytes(count: number): string {
  const [size, unit] = count < 1e6 ? [count / 1e3, "kB"] : count < 1e9 ? [count / 1e6, "MB"] : [count / 1e9, "GB"];
  return `${size.toPrecision(3)} ${unit}`;
}

function readConfig(model: string): unknown {
  const file = existsSync(model) && statSync(model).isDirectory() ? join(model, "config.json") : model;
  if (!existsSync(file))
    throw new Error(`${file} does not exist; --model takes a Hugging Face folder or its config.json`);
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} is not valid JSON: ${messageOf(error)}`);
  }
}

function parseMethod(text: string): ChosenSettings {
  if (!text.trimStart().startsWith("{")) return parsed({ type: text }, text);
  try {
    return parsed(JSON.parse(text), text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`--method ${text} is not valid JSON: ${error.message}`);
    throw error;
  }
}

function parsed(given: unknown, text: string): ChosenSettings {
  const result = ChosenSettings.safeParse(given);
  if (result.success) return result.data;
  const { field, problem } = wordIssue(result.error, given);
  const known = [...Object.keys(PEFT_METHODS), ...PRESET_TYPES].join(", ");
  throw new Error(`--method ${text}: ${field} ${problem} (methods: ${known})`);
}
