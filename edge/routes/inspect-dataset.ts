import { type DatasetInspection, type InspectDataset, inspectionFigures } from "../../shared/api/datasets.ts";
import { Inspection } from "../../shared/data/inspect/inspection.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";
import type { Pace } from "../pace/pace.ts";
import {
  heldOutFiles,
  modelReader,
  type NamedFile,
  namedFile,
  readHeldOutLines,
  readLines,
} from "./dataset-sources.ts";

/** Bytes of a file for each of its tokens, at least: more only means that fewer lines are encoded than might be. */
const BYTES_PER_TOKEN = 3;

export interface DatasetPlace {
  readonly tenant: Remote<Tenant>;
  readonly blobs: R2Bucket;
  readonly pace: Pace;
}

/** @throws TrimtabError with the field of the request that names what is wrong */
export async function inspectDataset(
  { tenant, blobs, pace }: DatasetPlace,
  request: InspectDataset,
): Promise<DatasetInspection> {
  const files = await inspectedFiles(tenant, request);
  const heldOut = await heldOutFiles(tenant, request);
  const { model, similarity, examples } = request;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const every = Math.max(1, Math.ceil(bytes / BYTES_PER_TOKEN / LIMITS.inspectedTokens));
  const tokens =
    model === undefined ? undefined : { ...(await modelReader(tenant, blobs, { ...request, model })), every };
  if (model === undefined && request.max_length !== undefined) {
    const message = "`max_length` counts tokens: name the `model` whose tokenizer reads the lines.";
    throw new TrimtabError("invalid_request", message, { param: "model" });
  }
  const inspection = new Inspection({
    files: files.map(({ id }) => id),
    heldOut: heldOut.map(({ id }) => id),
    similarity,
    examples,
    tokens,
    maxBytes: LIMITS.inspectedBytes,
    pause: () => pace.turn(),
  });
  for (const [at, file] of heldOut.entries()) {
    for await (const { place, record } of readHeldOutLines(blobs, file, pace)) {
      await inspection.addHeldOut(at, place.number, record);
    }
  }
  for (const [at, file] of files.entries()) {
    for await (const { value, place, record } of readLines(blobs, file, pace)) {
      await inspection.add({ file: at, line: place.number }, record, value);
    }
  }
  return {
    object: "dataset.inspection",
    files: files.map(({ id }) => id),
    model: model ?? null,
    ...inspectionFigures(await inspection.report()),
  };
}

async function inspectedFiles(tenant: Remote<Tenant>, { file, files = [] }: InspectDataset): Promise<NamedFile[]> {
  const named =
    file === undefined ? files.map((id, at) => ({ id, param: `files[${at}]` })) : [{ id: file, param: "file" }];
  const found: NamedFile[] = [];
  for (const { id, param } of named) {
    if (found.some((other) => other.id === id)) {
      throw new TrimtabError("invalid_request", `\`${param}\` names ${id} again. Name each file once.`, { param });
    }
    found.push(await namedFile(tenant, id, param));
  }
  return found;
}
