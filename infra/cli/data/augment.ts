import { augmented } from "../../../shared/data/augment/augment.ts";
import { AUGMENT_RULE_NAMES } from "../../../shared/data/augment/registry.ts";
import type { TrainingLine } from "../../../shared/data/training-lines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { jsonText } from "../json-text.ts";
import { table } from "../table.ts";
import { linesOf, openLocalFile } from "./local-file.ts";
import { requireFree, resultPath, writeLines } from "./output.ts";
import { ruleNames } from "./rule-names.ts";

export interface AugmentCommandOptions {
  /** Rules between commas. */
  readonly rules: string;
  readonly copies: number;
  readonly seed: number;
  readonly originals?: boolean | undefined;
  /** What the lines are; see `openLocalFile`. */
  readonly format?: string | undefined;
  readonly out?: string | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** The output of `trimtab data augment`: how many lines each rule made. */
export async function augmentData(file: string, options: AugmentCommandOptions): Promise<string> {
  const rules = ruleNames(options.rules, AUGMENT_RULE_NAMES, "rules");
  const path = options.out ?? resultPath(file, "augmented");
  requireFree(path, options.force ?? false);
  const opened = await openLocalFile(file, options.format);
  if (opened.kind !== "examples") {
    throw new TrimtabError(
      "invalid_file",
      `${file} holds ${opened.kind}, and only examples to imitate can be augmented.`,
    );
  }
  const lines: TrainingLine[] = [];
  for await (const { place, record } of linesOf(opened))
    lines.push({ line: place.number, example: record.examples[0]! });
  const counts: Record<string, number> = {};
  const { copies, seed, originals: withOriginals = true } = options;
  function* counted() {
    for (const record of augmented(lines, { rules, copies, seed, withOriginals })) {
      const name = record.provenance.rule ?? "as given";
      counts[name] = (counts[name] ?? 0) + 1;
      yield record;
    }
  }
  const written = await writeLines(path, counted());
  if (options.json) {
    return jsonText({
      object: "dataset.augmentation",
      file,
      result: path,
      source_lines: lines.length,
      lines: written,
      rules: counts,
    });
  }
  const rows = Object.entries(counts).map(([name, count]) => [name, count.toLocaleString("en")]);
  const made = rows.length === 0 ? "" : `${table(["rule", "lines"], rows, { right: [1] })}\n`;
  return `${made}${written.toLocaleString("en")} lines of ${lines.length.toLocaleString("en")} written to ${path}.\n`;
}
