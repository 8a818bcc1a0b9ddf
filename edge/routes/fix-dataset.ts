import type { DatasetFix, FixDataset } from "../../shared/api/datasets.ts";
import { DataFix, type FixVerdict } from "../../shared/data/fix/fix.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { storeDataset } from "../blobs/receive-dataset.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { Pace } from "../pace/pace.ts";
import {
  heldOutFiles,
  modelReader,
  type NamedFile,
  namedFile,
  readHeldOutLines,
  readLines,
} from "./dataset-sources.ts";
import type { DatasetPlace } from "./inspect-dataset.ts";

/**
 * Writes what stays of a file as a new one, as JSON Lines; a crash leaves a pending file, which is swept.
 *
 * @throws TrimtabError with the field of the request that names what is wrong; invalid_request where nothing stays.
 */
export async function fixDataset(
  { tenant, blobs, pace }: DatasetPlace,
  request: FixDataset,
  key: Idempotency | null,
): Promise<DatasetFix> {
  const file = await namedFile(tenant, request.file, "file");
  const verdict = await verdictOn(file, { tenant, blobs, pace }, request);
  const report = reportOf(request, verdict);
  if (request.dry_run) return report;
  if (report.kept === 0) {
    const message = "Nothing would stay of the file. Drop less; `dry_run` lists what each rule finds.";
    throw new TrimtabError("invalid_request", message, { param: request.drop.length > 0 ? "drop" : "only" });
  }
  const { id, key: blob } = await tenant.files.begin();
  try {
    const filename = request.filename ?? fixedName(file.name);
    const facts = await storeDataset(
      { filename, chunks: keptLines(blobs, file, verdict, pace), said: file.said, pace },
      blobs,
      blob,
    );
    return await tenant.files.finishFix(id, facts, { report, key });
  } catch (error) {
    await tenant.files.drop(id);
    throw error;
  }
}

async function verdictOn(
  file: NamedFile,
  { tenant, blobs, pace }: DatasetPlace,
  request: FixDataset,
): Promise<FixVerdict> {
  const heldOut = await heldOutFiles(tenant, request);
  const { drop, only, keep, similarity, model } = request;
  const fix = new DataFix({
    drop,
    only,
    keep,
    similarity,
    maxBytes: LIMITS.inspectedBytes,
    heldOut: heldOut.map(({ name }) => name),
    model: model === undefined ? undefined : await modelReader(tenant, blobs, { ...request, model }),
    pause: () => pace.turn(),
  });
  for (const [at, each] of heldOut.entries()) {
    for await (const { place, record } of readHeldOutLines(blobs, each, pace))
      await fix.addHeldOut(at, place.number, record);
  }
  for await (const { place, record } of readLines(blobs, file, pace)) await fix.add(place.number, place.number, record);
  return fix.verdict();
}

function reportOf(request: FixDataset, { lines, dropped, complete }: FixVerdict): DatasetFix {
  const rules: Record<string, number> = {};
  for (const { rule } of dropped.values()) rules[rule] = (rules[rule] ?? 0) + 1;
  const listed = [...dropped.values()].slice(0, request.examples);
  return {
    object: "dataset.fix",
    file: request.file,
    result: null,
    lines,
    kept: lines - dropped.size,
    dropped: dropped.size,
    rules,
    complete,
    dropped_lines: listed.map(({ line, rule, reason, other }) => ({ line, rule, reason, other_line: other ?? null })),
  };
}

async function* keptLines(
  blobs: R2Bucket,
  file: NamedFile,
  { dropped }: FixVerdict,
  pace: Pace,
): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  let lines: string[] = [];
  let characters = 0;
  const chunk = () => encoder.encode(lines.join(""));
  for await (const { value, place } of readLines(blobs, file, pace)) {
    if (dropped.has(place.number)) continue;
    lines.push(`${JSON.stringify(value)}\n`);
    characters += lines.at(-1)!.length;
    if (characters < CHUNK) continue;
    yield chunk();
    [lines, characters] = [[], 0];
  }
  if (lines.length > 0) yield chunk();
}

const CHUNK = 64 * 1024;

/** `train.csv.gz` → `train-fixed.jsonl` */
function fixedName(name: string): string {
  const stem = name.replace(/(?:\.(?:gz|zst))?$/i, "").replace(/\.(?:jsonl?|csv|tsv|parquet|ndjson)$/i, "");
  return `${stem.slice(0, LIMITS.fileName - 12)}-fixed.jsonl`;
}
