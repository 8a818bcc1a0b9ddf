import { Suffix } from "../../shared/api/ids.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { joinBytes } from "../../shared/formats/join-bytes.ts";
import { LIMITS } from "../../shared/limits.ts";
import { type FormPart, formParts } from "./multipart.ts";
import type { UploadForm } from "./receive-dataset.ts";

/** An uploaded folder, still packed, and the form's other fields. */
export interface ReceivedArchive {
  readonly filename: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly model: string;
  readonly suffix: string | null;
}

const FIELD_BYTES = 256;

/**
 * Reads the form of an uploaded delta: `file`, `model` and, where it is given, `suffix`.
 *
 * @throws TrimtabError invalid_request with the form's field, payload_too_large.
 */
export async function receiveArchive({ body, boundary }: UploadForm): Promise<ReceivedArchive> {
  const fields = new Map<string, string>();
  let file: { filename: string; bytes: Uint8Array } | undefined;
  for await (const part of formParts(body, boundary, LIMITS.deltaUpload + LIMITS.multipartOverhead)) {
    if (part.name === "file") {
      if (file !== undefined) throw refuse("file", "is there twice; upload one folder at a time");
      if (part.filename === null) throw refuse("file", "must be a file: the PEFT folder as a tar or zip archive");
      file = { filename: part.filename.slice(0, LIMITS.fileName), bytes: await collect(part, LIMITS.deltaUpload) };
    } else if (part.name === "model" || part.name === "suffix") {
      if (fields.has(part.name)) throw refuse(part.name, "is there twice");
      fields.set(part.name, new TextDecoder().decode(await collect(part, FIELD_BYTES)));
    } else {
      throw refuse(part.name.slice(0, 64), "is an unknown field; remove it");
    }
  }
  const model = fields.get("model");
  if (file === undefined) throw refuse("file", "is required: the PEFT folder as a tar or zip archive");
  if (model === undefined) throw refuse("model", "is required: the base model that the adapter was made for");
  const suffix = fields.get("suffix") ?? null;
  if (suffix !== null && !Suffix.safeParse(suffix).success) {
    throw refuse("suffix", `must be 1 to ${LIMITS.suffix} letters, digits, \`-\` and \`_\``);
  }
  return { ...file, sha256: await sha256Hex(file.bytes), model, suffix };
}

async function collect(part: FormPart, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of part.chunks) {
    total += chunk.byteLength;
    if (total > most) {
      const advice = part.name === "file" ? " Save the adapter in 16 bits, or compress the archive." : "";
      throw new TrimtabError("payload_too_large", `\`${part.name}\` is larger than ${most} bytes.${advice}`, {
        param: part.name,
      });
    }
    chunks.push(chunk.slice());
  }
  return joinBytes(chunks);
}

function refuse(field: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${field}\` ${problem}.`, { param: field });
}
