import { writeFile } from "node:fs/promises";
import { DatasetFix } from "../../../shared/api/datasets.ts";
import { DataFix, type FixVerdict } from "../../../shared/data/fix/fix.ts";
import { FIX_RULE_NAMES, type FixRuleName } from "../../../shared/data/fix/registry.ts";
import { KEEPS, type Keep } from "../../../shared/data/fix/rule.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { CliEffects } from "../effects.ts";
import { jsonText } from "../json-text.ts";
import { table } from "../table.ts";
import { type TenantOptions, tenantClient } from "../tenant-access.ts";
import { LOCAL_BYTES, noPause } from "./inspect.ts";
import { heldOutLines, type LocalFile, linesOf, openLocalFile } from "./local-file.ts";
import { EMBEDDED_BASE, localModel } from "./local-model.ts";
import { requireFree, resultPath, writeLines } from "./output.ts";
import { ruleNames } from "./rule-names.ts";
import { areUploaded, requireNoFormat } from "./source.ts";

export interface FixOptions extends TenantOptions {
  /** Rules between commas. */
  readonly drop?: string | undefined;
  readonly only?: string | undefined;
  readonly keep: string;
  readonly model?: string | undefined;
  readonly validation?: string | undefined;
  readonly evaluation?: readonly string[] | undefined;
  readonly similarity: number;
  readonly maxLength?: number | undefined;
  /** What the lines of local files are; see `openLocalFile`. */
  readonly format?: string | undefined;
  readonly out?: string | undefined;
  /** Where to write what was dropped, line by line. */
  readonly report?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

interface Chosen {
  readonly drop: readonly FixRuleName[];
  readonly only: readonly FixRuleName[];
  readonly keep: Keep;
  readonly heldOut: readonly string[];
}

/** Dropped lines that the server is asked to list. */
const LISTED = 10_000;
const SHOWN = 10;

/** The output of `trimtab data fix`. Throws `invalid_request` for rules that are not there, and where nothing would stay. */
export async function fixData(
  file: string,
  options: FixOptions,
  { env, now }: Pick<CliEffects, "env" | "now">,
): Promise<string> {
  const { drop, only, keep, validation, evaluation = [] } = options;
  const chosen: Chosen = {
    drop: drop === undefined ? [] : ruleNames(drop, FIX_RULE_NAMES, "drop"),
    only: only === undefined ? [] : ruleNames(only, FIX_RULE_NAMES, "only"),
    keep: keepOf(keep),
    heldOut: [...(validation === undefined ? [] : [validation]), ...evaluation],
  };
  if (chosen.drop.length + chosen.only.length === 0) {
    const message = `Name rules with --drop or --only: ${FIX_RULE_NAMES.join(", ")}.`;
    throw new TrimtabError("invalid_request", message, { param: "drop" });
  }
  const uploaded = areUploaded([file, ...chosen.heldOut]);
  if (uploaded) requireNoFormat(options.format);
  const fixed = uploaded ? await onServer(file, options, chosen, env) : await onFile(file, options, chosen, now);
  if (options.report !== undefined) await writeFile(options.report, jsonText(fixed));
  return options.json ? jsonText(fixed) : shown(fixed);
}

function keepOf(text: string): Keep {
  const keep = KEEPS.find((each) => each === text);
  if (keep !== undefined) return keep;
  const message = `--keep is ${JSON.stringify(text)}: it must be one of ${KEEPS.join(", ")}.`;
  throw new TrimtabError("invalid_request", message, { param: "keep" });
}

function onServer(
  file: string,
  options: FixOptions,
  { drop, only, keep }: Chosen,
  env: CliEffects["env"],
): Promise<DatasetFix> {
  const { model, validation, evaluation, similarity, maxLength, dryRun: dry = false, out } = options;
  const request = {
    ...{ file, drop, only, keep, similarity, dry_run: dry, examples: LISTED },
    ...(model === undefined ? {} : { model }),
    ...(validation === undefined ? {} : { validation_file: validation }),
    ...(evaluation === undefined ? {} : { evaluation_files: evaluation }),
    ...(maxLength === undefined ? {} : { max_length: maxLength }),
    ...(out === undefined ? {} : { filename: out }),
  };
  return tenantClient(options, env).post("/v1/datasets/fix", request, DatasetFix);
}

async function onFile(file: string, options: FixOptions, chosen: Chosen, now: () => number): Promise<DatasetFix> {
  const path = options.out ?? resultPath(file, "fixed");
  if (!options.dryRun) requireFree(path, options.force ?? false);
  const opened = await openLocalFile(file, options.format);
  const verdict = await verdictOn(opened, options, chosen, now);
  const { lines, dropped, complete } = verdict;
  const kept = lines - dropped.size;
  if (!options.dryRun) {
    if (kept === 0) {
      const message = "Nothing would stay of the file. Drop less; --dry-run lists what each rule finds.";
      throw new TrimtabError("invalid_request", message, { param: "drop" });
    }
    await writeLines(path, keptValues(opened, verdict));
  }
  const rules: Record<string, number> = {};
  for (const { rule } of dropped.values()) rules[rule] = (rules[rule] ?? 0) + 1;
  const listed = [...dropped.values()];
  return {
    object: "dataset.fix",
    file,
    result: options.dryRun ? null : path,
    ...{ lines, kept, dropped: dropped.size, rules, complete },
    dropped_lines: listed.map(({ line, rule, reason, other }) => ({ line, rule, reason, other_line: other ?? null })),
  };
}

async function verdictOn(
  file: LocalFile,
  { similarity, model, maxLength }: FixOptions,
  { heldOut, ...rules }: Chosen,
  now: () => number,
): Promise<FixVerdict> {
  const fix = new DataFix({
    ...rules,
    similarity,
    heldOut,
    model: localModel(model ?? EMBEDDED_BASE, maxLength, now),
    maxBytes: LOCAL_BYTES,
    pause: noPause,
  });
  for (const [at, path] of heldOut.entries()) {
    for await (const { place, record } of heldOutLines(path)) await fix.addHeldOut(at, place.number, record);
  }
  for await (const { place, record } of linesOf(file)) await fix.add(place.number, place.number, record);
  return fix.verdict();
}

async function* keptValues(file: LocalFile, { dropped }: FixVerdict): AsyncGenerator<unknown, void> {
  for await (const { value, place } of linesOf(file)) if (!dropped.has(place.number)) yield value;
}

function shown({ lines, kept, dropped, rules, result, complete, dropped_lines: listed }: DatasetFix): string {
  const rows = Object.entries(rules).map(([rule, count]) => [rule, count.toLocaleString("en")]);
  const named = listed
    .slice(0, SHOWN)
    .map(
      ({ line, rule, reason, other_line: other }) =>
        `  line ${line} ${reason}${other === null ? "" : ` (line ${other} stays)`} [${rule}]`,
    );
  return `${[
    `${kept.toLocaleString("en")} of ${lines.toLocaleString("en")} lines stay, ${dropped.toLocaleString("en")} are dropped`,
    ...(rows.length === 0 ? [] : [table(["rule", "dropped"], rows, { right: [1] })]),
    ...named,
    ...(dropped > SHOWN ? ["  … (--report FILE writes all of them)"] : []),
    ...(complete ? [] : ["Memory ran out before all lines were compared for near copies."]),
    result === null ? "Nothing was written." : `Written to ${result}.`,
  ].join("\n")}\n`;
}
