/**
 * The header of a safetensors file: its length as 8 little-endian bytes, then JSON that locates each tensor.
 *
 * Files come from strangers, so nothing in the header is trusted before it is checked: its length and the number of
 * tensors are capped, keys must not repeat, offsets and products must stay below 2⁵³, each tensor's byte length must
 * match its dtype and shape, and the tensors must fill the data section exactly, without overlaps, gaps or trailing
 * bytes. Reference: huggingface/safetensors, `safetensors/src/tensor.rs`.
 */
import { type ErrorCode, TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { parseStrictJson, quoteName, type StrictJsonOptions } from "./strict-json.ts";

/** Bytes per element of every supported dtype. */
export const SAFETENSORS_DTYPES = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, U8: 1, BOOL: 1 } as const;
export type SafetensorsDType = keyof typeof SAFETENSORS_DTYPES;

/** A tensor's dtype, shape and place: byte offsets from the start of the file. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In file order. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
}

export interface SafetensorsOptions {
  /** The code of every error; `invalid_model` by default. */
  readonly code?: ErrorCode;
  /** The file's name in error messages; "the safetensors file" by default. */
  readonly name?: string;
  /** 16 MiB by default. */
  readonly maxHeaderBytes?: number;
  /** 100,000 by default. */
  readonly maxTensors?: number;
  /** Reject NaN and infinities. Reads every value; off by default. */
  readonly finite?: boolean;
}

export const LENGTH_BYTES = 8;
const MAX_RANK = 32;
const DEFAULT_MAX_HEADER_BYTES = 16 * 1024 * 1024;
/** Far more than one file of any model that is served has; its header is read in one piece, in which everybody waits. */
const DEFAULT_MAX_TENSORS = 16_000;
const HEADER_JSON: StrictJsonOptions = { maxValues: LIMITS.jsonValues, maxKeys: LIMITS.jsonKeys };

/**
 * The header's length in bytes, from the first 8 bytes of a file. A streaming reader must fetch 8 + this many bytes
 * before it can call `parseSafetensorsHeader`.
 */
export function safetensorsHeaderLength(
  firstBytes: Uint8Array,
  totalBytes: number,
  options: SafetensorsOptions = {},
): number {
  const refuse = refuser(options);
  if (firstBytes.byteLength < LENGTH_BYTES || totalBytes < LENGTH_BYTES) {
    throw refuse(`is truncated: ${Math.min(firstBytes.byteLength, totalBytes)} bytes cannot hold a header`);
  }
  const length = new DataView(firstBytes.buffer, firstBytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  const cap = options.maxHeaderBytes ?? DEFAULT_MAX_HEADER_BYTES;
  if (length > BigInt(cap)) throw refuse(`claims a header of ${length} bytes; at most ${cap} are allowed`);
  if (Number(length) > totalBytes - LENGTH_BYTES) {
    throw refuse(`claims a header of ${length} bytes, but only ${totalBytes - LENGTH_BYTES} bytes follow`);
  }
  return Number(length);
}

/**
 * Reads and checks the header of a file of `totalBytes` bytes, without the tensors' data.
 * `headerBytes` is the start of the file: at least 8 bytes plus the header.
 */
export function parseSafetensorsHeader(
  headerBytes: Uint8Array,
  totalBytes: number,
  options: SafetensorsOptions = {},
): SafetensorsHeader {
  const refuse = refuser(options);
  const length = safetensorsHeaderLength(headerBytes, totalBytes, options);
  const dataStart = LENGTH_BYTES + length;
  if (headerBytes.byteLength < dataStart) {
    throw refuse(`needs ${dataStart} bytes for its header, but got only ${headerBytes.byteLength}`);
  }
  const header = parseHeaderJson(headerBytes.subarray(LENGTH_BYTES, dataStart), options);

  let metadata: Readonly<Record<string, string>> = {};
  const found: { name: string; entry: SafetensorsEntry }[] = [];
  const maxTensors = options.maxTensors ?? DEFAULT_MAX_TENSORS;
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      metadata = checkMetadata(value, refuse);
      continue;
    }
    if (found.length === maxTensors) throw refuse(`has more than ${maxTensors} tensors`);
    found.push({ name, entry: checkEntry(name, value, dataStart, totalBytes, refuse) });
  }

  found.sort((a, b) => a.entry.start - b.entry.start || a.entry.end - b.entry.end);
  let end = dataStart;
  for (const { name, entry } of found) {
    if (entry.start !== end) {
      const problem = entry.start < end ? "overlaps the tensor before it" : "leaves a gap before it";
      throw refuse(`is inconsistent: tensor ${quoteName(name)} ${problem} (expected offset ${end - dataStart})`);
    }
    end = entry.end;
  }
  if (end !== totalBytes) {
    throw refuse(`has ${totalBytes - end} unused bytes after its last tensor`);
  }
  return { metadata, tensors: new Map(found.map(({ name, entry }) => [name, entry])) };
}

/** Makes the error for a problem with the file. */
export type Refuse = (problem: string) => TrimtabError;

export function refuser(options: SafetensorsOptions): Refuse {
  const name = options.name ?? "the safetensors file";
  return (problem) => new TrimtabError(options.code ?? "invalid_model", `${name} ${problem}`, { data: { file: name } });
}

function parseHeaderJson(bytes: Uint8Array, options: SafetensorsOptions): Record<string, unknown> {
  const name = options.name ?? "the safetensors file";
  const refuse = refuser(options);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new TrimtabError(options.code ?? "invalid_model", `${name} has a header that is not UTF-8`, { cause: error });
  }
  if (!text.startsWith("{")) throw refuse("has a header that does not start with {; is it a safetensors file?");
  return parseStrictJson(text, `the header of ${name}`, options.code ?? "invalid_model", HEADER_JSON) as Record<
    string,
    unknown
  >;
}

function checkMetadata(value: unknown, refuse: Refuse): Readonly<Record<string, string>> {
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw refuse("has a __metadata__ that is not an object of strings");
  }
  return value as Record<string, string>;
}

function checkEntry(
  name: string,
  value: unknown,
  dataStart: number,
  totalBytes: number,
  refuse: Refuse,
): SafetensorsEntry {
  const what = `tensor ${quoteName(name)}`;
  if (!isObject(value)) throw refuse(`is inconsistent: the entry of ${what} is not an object`);
  const unknown = Object.keys(value).find((key) => key !== "dtype" && key !== "shape" && key !== "data_offsets");
  if (unknown !== undefined) throw refuse(`is inconsistent: ${what} has an unknown field ${quoteName(unknown)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(SAFETENSORS_DTYPES, dtype)) {
    const known = Object.keys(SAFETENSORS_DTYPES).join(", ");
    throw refuse(`has ${what} with unsupported dtype ${quoteName(String(dtype))}; use one of ${known}`);
  }
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isSize)) {
    throw refuse(`has ${what} with an invalid shape; it must be a list of at most ${MAX_RANK} integers ≥ 0`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0]! > offsets[1]!) {
    throw refuse(`has ${what} with invalid data_offsets; they must be two integers in ascending order`);
  }
  const [start, end] = offsets as [number, number];
  if (end > totalBytes - dataStart) {
    throw refuse(`is truncated: ${what} ends at ${end}, but the file has only ${totalBytes - dataStart} bytes of data`);
  }
  const expected = checkedByteLength(dtype as SafetensorsDType, shape);
  if (expected !== end - start) {
    const needed = expected === undefined ? "more than 2^53" : String(expected);
    throw refuse(`has ${what} with ${end - start} bytes, but ${dtype} [${shape.join(", ")}] needs ${needed}`);
  }
  return { dtype: dtype as SafetensorsDType, shape, start: dataStart + start, end: dataStart + end };
}

/** The size of a tensor in bytes, or undefined above 2⁵³, where products are no longer exact. */
export function checkedByteLength(dtype: SafetensorsDType, shape: readonly number[]): number | undefined {
  let size: number = SAFETENSORS_DTYPES[dtype];
  for (const dim of shape) {
    size *= dim;
    if (!Number.isSafeInteger(size)) return undefined;
  }
  return size;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}
