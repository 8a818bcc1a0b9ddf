import { statSync } from "node:fs";
import { DatasetInspection, type InspectionFigures, inspectionFigures } from "../../../shared/api/datasets.ts";
import { Inspection } from "../../../shared/data/inspect/inspection.ts";
import type { CliEffects } from "../effects.ts";
import { jsonText } from "../json-text.ts";
import { type TenantOptions, tenantClient } from "../tenant-access.ts";
import { heldOutLines, linesOf, openLocalFile } from "./local-file.ts";
import { localModel } from "./local-model.ts";
import { shownInspection } from "./show-inspection.ts";
import { areUploaded, requireNoFormat } from "./source.ts";

export interface InspectOptions extends TenantOptions {
  /** A Hugging Face folder, or for uploaded files a model of the server. */
  readonly model?: string | undefined;
  readonly validation?: string | undefined;
  readonly evaluation?: readonly string[] | undefined;
  readonly similarity: number;
  readonly maxLength?: number | undefined;
  /** What the lines of local files are; see `openLocalFile`. */
  readonly format?: string | undefined;
  readonly examples: number;
  readonly json?: boolean | undefined;
}

/** Of this machine's memory. */
export const LOCAL_BYTES = 2 ** 30;
/** Tokens that are encoded: a few minutes' work. Larger files are read in part, evenly. */
const LOCAL_TOKENS = 50_000_000;
const BYTES_PER_TOKEN = 3;
export const noPause = async (): Promise<void> => {};

/** The output of `trimtab data inspect`. */
export async function inspectData(
  files: readonly string[],
  options: InspectOptions,
  { env, now }: Pick<CliEffects, "env" | "now">,
): Promise<string> {
  const heldOut = [...(options.validation === undefined ? [] : [options.validation]), ...(options.evaluation ?? [])];
  if (areUploaded([...files, ...heldOut])) {
    requireNoFormat(options.format);
    const report = await tenantClient(options, env).post(
      "/v1/datasets/inspect",
      requestOf(files, options),
      DatasetInspection,
    );
    return options.json ? jsonText(report) : shownInspection(report);
  }
  const report = {
    object: "dataset.inspection",
    files,
    model: options.model ?? null,
    ...(await local(files, heldOut, options, now)),
  };
  return options.json ? jsonText(report) : shownInspection(report);
}

function requestOf(files: readonly string[], options: InspectOptions) {
  const { model, validation, evaluation, similarity, maxLength, examples } = options;
  return {
    ...(files.length === 1 ? { file: files[0] } : { files }),
    ...(model === undefined ? {} : { model }),
    ...(validation === undefined ? {} : { validation_file: validation }),
    ...(evaluation === undefined ? {} : { evaluation_files: evaluation }),
    ...(maxLength === undefined ? {} : { max_length: maxLength }),
    similarity,
    examples,
  };
}

async function local(
  files: readonly string[],
  heldOut: readonly string[],
  { model, maxLength, similarity, examples, format }: InspectOptions,
  now: () => number,
): Promise<InspectionFigures> {
  const opened: Awaited<ReturnType<typeof openLocalFile>>[] = [];
  for (const path of files) opened.push(await openLocalFile(path, format));
  const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
  const every = Math.max(1, Math.ceil(bytes / BYTES_PER_TOKEN / LOCAL_TOKENS));
  const inspection = new Inspection({
    files,
    heldOut,
    similarity,
    examples,
    tokens: model === undefined ? undefined : { ...localModel(model, maxLength, now), every },
    maxBytes: LOCAL_BYTES,
    pause: noPause,
  });
  for (const [at, path] of heldOut.entries()) {
    for await (const { place, record } of heldOutLines(path)) await inspection.addHeldOut(at, place.number, record);
  }
  for (const [at, file] of opened.entries()) {
    for await (const { value, place, record } of linesOf(file)) {
      await inspection.add({ file: at, line: place.number }, record, value);
    }
  }
  return inspectionFigures(await inspection.report());
}
