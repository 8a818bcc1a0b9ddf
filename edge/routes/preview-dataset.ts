import type { DatasetPreview, PreviewDataset } from "../../shared/api/datasets.ts";
import { validatedFile } from "../../shared/api/job-validation.ts";
import { type DryRunLine, dryRun } from "../../shared/data/dry-run.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Pace } from "../pace/pace.ts";
import { modelReader, type NamedFile, namedFile, readLines } from "./dataset-sources.ts";
import type { DatasetPlace } from "./inspect-dataset.ts";

/** Lines as the model is trained on them. Throws `invalid_request` with `lines` for one that the file does not have. */
export async function previewDataset(
  { tenant, blobs, pace }: DatasetPlace,
  request: PreviewDataset,
): Promise<DatasetPreview> {
  const file = await namedFile(tenant, request.file, "file");
  const { tokenizer, maxLength } = await modelReader(tenant, blobs, request);
  const lines = await chosenLines(blobs, file, request.lines, pace);
  const run = await dryRun(lines, {
    tokenizer,
    maxLength,
    examples: lines.length,
    maxLines: lines.length,
    maxTokens: Number.POSITIVE_INFINITY,
    shownTokens: LIMITS.shownTokens,
    shownSequences: LIMITS.shownSequences,
    yieldToEventLoop: () => pace.turn(),
    clock: () => new Date(),
  });
  // Lines that are all left out are shown with the reason, and are no error of the preview.
  if (run.error !== undefined && run.examples.length < lines.length) throw run.error;
  const { examples } = validatedFile(run, { file: request.file, param: "training_file", maxLength });
  return { object: "dataset.preview", file: request.file, model: request.model, max_length: maxLength, examples };
}

async function chosenLines(
  blobs: R2Bucket,
  file: NamedFile,
  chosen: PreviewDataset["lines"],
  pace: Pace,
): Promise<DryRunLine[]> {
  const wanted = typeof chosen === "number" ? undefined : new Set(chosen);
  const most = wanted?.size ?? (chosen as number);
  const lines: DryRunLine[] = [];
  for await (const { place, record } of readLines(blobs, file, pace)) {
    if (wanted !== undefined && !wanted.delete(place.number)) continue;
    lines.push({ line: place.number, examples: record.examples, prompts: record.prompts });
    if (lines.length === most) break;
  }
  const [missing] = wanted ?? [];
  if (missing === undefined) return lines;
  const message = `\`lines\` asks for line ${missing}, which ${file.name} does not have, or which holds no record.`;
  throw new TrimtabError("invalid_request", message, { param: "lines" });
}
