/** What requests about datasets name: files, those held out, and the model that reads them. */

import type { ReadRecord } from "../../shared/data/dataset-kinds/kind.ts";
import type { DatasetKindName } from "../../shared/data/dataset-kinds/registry.ts";
import { datasetKind } from "../../shared/data/dataset-kinds/registry.ts";
import { readHeldOut } from "../../shared/data/inspect/held-out.ts";
import { type SaidFormat, saidFormat } from "../../shared/data/said-format.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type ChatTemplate, loadChatTemplate } from "../../shared/model/chat-template.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { datasetRecords, type PlacedRecord } from "../blobs/dataset-records.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";
import type { Pace } from "../pace/pace.ts";
import { baseTokenizer } from "./base-tokenizer.ts";
import { withParam } from "./sweep-sources.ts";

export interface NamedFile {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly bytes: number;
  readonly kinds: readonly DatasetKindName[];
  /** What its upload said that it is. */
  readonly said: SaidFormat | undefined;
}

/** @throws TrimtabError not_found with the request's field as `param` */
export async function namedFile(tenant: Remote<Tenant>, id: string, param: string): Promise<NamedFile> {
  const atFile = (error: unknown) => Promise.reject(withParam(error, () => param));
  const { dataset, purpose } = await tenant.files.get(id).catch(atFile);
  const isDataset = dataset !== null && purpose === "fine-tune";
  const { key, bytes, filename } = await tenant.files.source(id).catch(atFile);
  const said = dataset?.said_format === undefined ? undefined : saidFormat(dataset.said_format);
  return { id, name: filename, key, bytes, kinds: dataset?.kinds ?? (isDataset ? ["examples"] : []), said };
}

/** The files that are held out of training, each once. */
export async function heldOutFiles(
  tenant: Remote<Tenant>,
  { validation_file: validation, evaluation_files: evaluation = [] }: HeldOutFields,
): Promise<NamedFile[]> {
  const named = [
    ...(validation === undefined ? [] : [{ id: validation, param: "validation_file" }]),
    ...evaluation.map((id, at) => ({ id, param: `evaluation_files[${at}]` })),
  ];
  for (const [at, { id, param }] of named.entries()) {
    if (named.findIndex((other) => other.id === id) === at) continue;
    throw new TrimtabError("invalid_request", `\`${param}\` names ${id}, which is held out already. Name it once.`, {
      param,
    });
  }
  const files: NamedFile[] = [];
  for (const { id, param } of named) files.push(await namedFile(tenant, id, param));
  return files;
}

interface HeldOutFields {
  readonly validation_file?: string | undefined;
  readonly evaluation_files?: readonly string[] | undefined;
}

export interface PlacedLine extends PlacedRecord {
  readonly record: ReadRecord;
}

/** The records of a file as its first kind has them, in the format that was said. Throws `invalid_file`, and `corrupt_blob` when its bytes are missing. */
export async function* readLines(
  blobs: R2Bucket,
  { key, bytes, name, kinds, said }: NamedFile,
  pace: Pace,
): AsyncGenerator<PlacedLine, void> {
  const kind = datasetKind(kinds[0] ?? "examples");
  for await (const { value, place } of datasetRecords(blobs, { key, bytes, name, pace })) {
    yield { value, place, record: kind.read(value, place, said?.format) };
  }
}

/** The same of a held-out file, of any shape. */
export async function* readHeldOutLines(
  blobs: R2Bucket,
  { key, bytes, name, kinds, said }: NamedFile,
  pace: Pace,
): AsyncGenerator<Omit<PlacedLine, "value">, void> {
  const whole = kinds.length === 0;
  for await (const { value, place } of datasetRecords(blobs, { key, bytes, name, whole, pace })) {
    yield { place, record: readHeldOut(value, place, kinds, said?.format) };
  }
}

export interface Reader {
  readonly tokenizer: Tokenizer;
  readonly template: () => ChatTemplate;
  readonly maxLength: number;
}

/** How a model reads lines. @throws TrimtabError model_not_found; invalid_request for a length beyond its context */
export async function modelReader(
  tenant: Remote<Tenant>,
  blobs: R2Bucket,
  { model, max_length: asked }: { readonly model: string; readonly max_length?: number | undefined },
): Promise<Reader> {
  const { base } = await tenant.models.base(model);
  const { maxPositions } = parseModelConfig(base.config);
  if (asked !== undefined && asked > maxPositions) {
    const message = `\`max_length\` must be at most ${maxPositions}, the context of this model.`;
    throw new TrimtabError("invalid_request", message, { param: "max_length" });
  }
  const tokenizer = await baseTokenizer(blobs, base);
  let loaded: ChatTemplate | undefined;
  const template = () => {
    loaded ??= loadChatTemplate(tokenizer, { clock: () => new Date() });
    return loaded;
  };
  return { tokenizer, template, maxLength: asked ?? maxPositions };
}
