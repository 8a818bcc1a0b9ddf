import { DatasetPreview } from "../../../shared/api/datasets.ts";
import { validatedFile } from "../../../shared/api/job-validation.ts";
import { type DryRunLine, dryRun } from "../../../shared/data/dry-run.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import type { CliEffects } from "../effects.ts";
import { jsonText } from "../json-text.ts";
import { type TenantOptions, tenantClient } from "../tenant-access.ts";
import { noPause } from "./inspect.ts";
import { type LocalFile, linesOf, openLocalFile } from "./local-file.ts";
import { EMBEDDED_BASE, localModel } from "./local-model.ts";
import { areUploaded, requireNoFormat } from "./source.ts";

export interface PreviewOptions extends TenantOptions {
  /** A Hugging Face folder, or for an uploaded file a model of the server; the embedded base by default. */
  readonly model?: string | undefined;
  /** How many of the first lines, or the numbers of lines. */
  readonly lines: number | readonly number[];
  readonly maxLength?: number | undefined;
  /** What the lines of local files are; see `openLocalFile`. */
  readonly format?: string | undefined;
  readonly json?: boolean | undefined;
  /** Whether trained text is coloured, and not put between marks. */
  readonly color?: boolean | undefined;
}

const SERVED_BASE = "trimtab-base";

/** The output of `trimtab data preview`: each line as the model reads it, with what it learns to write marked. */
export async function previewData(
  file: string,
  options: PreviewOptions,
  { env, now, progress }: Pick<CliEffects, "env" | "now" | "progress">,
): Promise<string> {
  const uploaded = areUploaded([file]);
  if (uploaded) requireNoFormat(options.format);
  const preview = uploaded ? await ofServer(file, options, env) : await ofFile(file, options, now);
  if (options.json) return jsonText(preview);
  const color = options.color ?? (env.NO_COLOR === undefined && progress.isTTY === true);
  return `${preview.examples.map((example) => shown(example, color)).join("\n\n")}\n`;
}

function ofServer(file: string, options: PreviewOptions, env: CliEffects["env"]): Promise<DatasetPreview> {
  const { model = SERVED_BASE, lines, maxLength } = options;
  const limit = maxLength === undefined ? {} : { max_length: maxLength };
  return tenantClient(options, env).post("/v1/datasets/preview", { file, model, lines, ...limit }, DatasetPreview);
}

async function ofFile(path: string, options: PreviewOptions, now: () => number): Promise<DatasetPreview> {
  const { model = EMBEDDED_BASE, lines: chosen, format } = options;
  const { tokenizer, maxLength } = localModel(model, options.maxLength, now);
  const lines = await chosenLines(await openLocalFile(path, format), chosen);
  const run = await dryRun(lines, {
    tokenizer,
    maxLength,
    examples: lines.length,
    maxLines: lines.length,
    maxTokens: Number.POSITIVE_INFINITY,
    shownTokens: LIMITS.shownTokens,
    shownSequences: LIMITS.shownSequences,
    yieldToEventLoop: noPause,
    clock: () => new Date(now()),
  });
  if (run.error !== undefined && run.examples.length < lines.length) throw run.error;
  const { examples } = validatedFile(run, { file: path, param: "training_file", maxLength });
  return { object: "dataset.preview", file: path, model, max_length: maxLength, examples };
}

async function chosenLines(file: LocalFile, chosen: PreviewOptions["lines"]): Promise<DryRunLine[]> {
  const wanted = typeof chosen === "number" ? undefined : new Set(chosen);
  const most = wanted?.size ?? (chosen as number);
  const lines: DryRunLine[] = [];
  for await (const { place, record } of linesOf(file)) {
    if (wanted !== undefined && !wanted.delete(place.number)) continue;
    lines.push({ line: place.number, examples: record.examples, prompts: record.prompts });
    if (lines.length === most) break;
  }
  const [missing] = wanted ?? [];
  if (missing === undefined) return lines;
  throw new TrimtabError("invalid_request", `${file.path} has no line ${missing}, or no record in it.`, {
    param: "lines",
  });
}

const GREEN = "\u001b[32m";
const PLAIN = "\u001b[0m";
/** Escape sequences and other control characters of a dataset must not reach the terminal. */
const CONTROLS = /[^\P{Cc}\n\t]/gu;

function shown({ line, dropped, notes, sequences }: DatasetPreview["examples"][number], color: boolean): string {
  if (dropped !== null) return `line ${line} is left out: ${dropped}`;
  const texts = sequences.map(({ tokens, trained_tokens: trained, truncated, segments }) => {
    const marked = segments.map(({ text, trained: is }) => {
      const safe = text.replace(CONTROLS, "�");
      if (!is) return safe;
      return color ? `${GREEN}${safe}${PLAIN}` : `⟦${safe}⟧`;
    });
    return `line ${line}: ${tokens} tokens, ${trained} trained on${truncated ? ", cut" : ""}\n${marked.join("")}`;
  });
  return [...texts, ...notes.map((note) => `  ${note}`)].join("\n");
}
