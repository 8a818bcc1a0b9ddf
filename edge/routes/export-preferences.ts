/** Judgements as a dataset of the tenant's: a file like one that was uploaded, checked by the same readers. */

import type { z } from "zod";
import type { ExportedFile, ExportFormat, ExportReport } from "../../shared/api/feedback.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type JudgedTexts, preferenceLines } from "../../shared/feedback/lines.ts";
import { storeDataset } from "../blobs/receive-dataset.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";

export interface ExportPlace {
  readonly bucket: R2Bucket;
  readonly tenant: Remote<Tenant>;
  /** Settled with the file. */
  readonly key: Idempotency | null;
}

export interface PreferenceExport {
  readonly format: ExportFormat;
  readonly filename: string;
  readonly judged: AsyncIterable<JudgedTexts>;
}

/**
 * Writes the file line by line; a crash leaves a pending file, which is swept.
 *
 * @throws TrimtabError invalid_request where no line comes of it, and where the lines together make no dataset of the format.
 */
export async function exportPreferences(
  { bucket, tenant, key }: ExportPlace,
  { format, filename, judged }: PreferenceExport,
): Promise<z.infer<typeof ExportedFile>> {
  const counts = new ExportCounts(format);
  const { id, key: blob } = await tenant.files.begin();
  try {
    const chunks = nonEmpty(linesOf(judged, counts), counts);
    const facts = await storeDataset({ filename, chunks }, bucket, blob);
    return await tenant.files.finishExport(id, facts, { report: counts.report, key });
  } catch (error) {
    await tenant.files.drop(id);
    throw aboutFormat(error, format);
  }
}

/** The lines as JSONL, in chunks. Counts them. */
export async function* linesOf(
  judged: AsyncIterable<JudgedTexts>,
  counts: ExportCounts,
): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  for await (const one of judged) {
    const { lines, skipped } = preferenceLines(counts.format, one);
    counts.add(lines.length, skipped);
    for (const line of lines) yield encoder.encode(`${JSON.stringify(line)}\n`);
  }
}

export class ExportCounts {
  readonly format: ExportFormat;
  readonly #skipped = new Map<string, number>();
  #judgements = 0;
  #lines = 0;

  constructor(format: ExportFormat) {
    this.format = format;
  }

  add(lines: number, skipped: readonly string[]): void {
    this.#judgements += 1;
    this.#lines += lines;
    for (const reason of skipped) this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
  }

  get report(): ExportReport {
    const { format } = this;
    return { format, judgements: this.#judgements, lines: this.#lines, skipped: Object.fromEntries(this.#skipped) };
  }
}

async function* nonEmpty(chunks: AsyncIterable<Uint8Array>, counts: ExportCounts): AsyncGenerator<Uint8Array, void> {
  let any = false;
  for await (const chunk of chunks) {
    any = true;
    yield chunk;
  }
  if (any) return;
  const { judgements, skipped } = counts.report;
  const reasons = Object.entries(skipped).map(([reason, count]) => `${reason}: ${count}`);
  const looked = judgements === 0 ? "there is none" : `of ${judgements}, ${reasons.join(", ")}`;
  const message = `No judgement makes a line of ${counts.format}: ${looked}. Widen the filters, or choose another format.`;
  throw new TrimtabError("invalid_request", message, { param: "format" });
}

function aboutFormat(error: unknown, format: ExportFormat): unknown {
  if (!(error instanceof TrimtabError) || error.code !== "invalid_file") return error;
  const message = `These judgements make no dataset of ${format}: ${error.message}. Collect more, or choose another format.`;
  return new TrimtabError("invalid_request", message, { param: "format", cause: error });
}
