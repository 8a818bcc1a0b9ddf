/**
 * The safetensors weight file: a checked header (`safetensors-header.ts`), then the tensors' bytes end to end.
 */
import { TrimtabError } from "../errors.ts";
import { narrowToBfloat16, narrowToFloat16, widenBfloat16, widenFloat16 } from "./half.ts";
import {
  checkedByteLength,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  refuser,
  SAFETENSORS_DTYPES,
  type SafetensorsDType,
  type SafetensorsEntry,
  type SafetensorsOptions,
  safetensorsHeaderLength,
} from "./safetensors-header.ts";
import { quoteName } from "./strict-json.ts";

export type {
  SafetensorsDType,
  SafetensorsEntry,
  SafetensorsHeader,
  SafetensorsOptions,
} from "./safetensors-header.ts";
export { parseSafetensorsHeader, safetensorsHeaderLength } from "./safetensors-header.ts";

export interface SafetensorsTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** Row-major, little-endian. For a parsed file, a view of the file's bytes, not a copy. */
  readonly bytes: Uint8Array;
}

/** The bytes of a file: a Uint8Array, or a reader that fetches them from storage on every call. */
export interface ByteSource {
  readonly byteLength: number;
  subarray(start: number, end: number): Uint8Array;
}

/** A tensor whose bytes may not be in memory: every access to `bytes` reads them from the file. */
export interface FileTensor extends SafetensorsTensor {
  /** Elements `start` … `end` − 1 of the flattened tensor. */
  part(start: number, end: number): SafetensorsTensor;
}

export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, FileTensor>;
}

/** Reads and checks a file's header, and its values if `options.finite` is set. Tensors of a Uint8Array are views of it. */
export function parseSafetensors(file: ByteSource, options: SafetensorsOptions = {}): SafetensorsFile {
  const firstBytes = file.subarray(0, LENGTH_BYTES);
  const headerBytes = LENGTH_BYTES + safetensorsHeaderLength(firstBytes, file.byteLength, options);
  const header = parseSafetensorsHeader(file.subarray(0, headerBytes), file.byteLength, options);
  const tensors = new Map<string, FileTensor>();
  for (const [name, entry] of header.tensors) {
    const tensor = tensorInFile(file, entry);
    if (tensor.dtype === "BOOL" && tensor.bytes.some((byte) => byte > 1)) {
      throw refuser(options)(`has a BOOL tensor ${quoteName(name)} with values other than 0 and 1`);
    }
    if (options.finite) requireFinite(name, tensor, options);
    tensors.set(name, tensor);
  }
  return { metadata: header.metadata, tensors };
}

function tensorInFile(file: ByteSource, { dtype, shape, start, end }: SafetensorsEntry): FileTensor {
  const width = SAFETENSORS_DTYPES[dtype];
  const part: FileTensor["part"] = (from, to) => ({
    dtype,
    shape: [to - from],
    bytes: file.subarray(start + from * width, start + to * width),
  });
  const tensor = {
    dtype,
    shape,
    get bytes() {
      return file.subarray(start, end);
    },
  };
  // Not enumerable: `{ ...tensor, bytes }` must not inherit a `part` that reads the file's bytes.
  return Object.defineProperty(tensor, "part", { value: part }) as FileTensor;
}

/** Throws if a tensor contains NaN or an infinity, naming the tensor and the first such element. */
export function requireFinite(name: string, tensor: SafetensorsTensor, options: SafetensorsOptions = {}): void {
  const at = firstNonFinite(tensor);
  if (at < 0) return;
  throw refuser(options)(`has a tensor ${quoteName(name)} whose element ${at} is not finite`);
}

/**
 * Writes a file. Equal tensors and metadata give equal bytes.
 * Throws `internal_error` when a tensor's bytes do not match its shape.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const { start, order, totalBytes } = startSafetensors(tensors, metadata);
  const file = new Uint8Array(totalBytes);
  file.set(start);
  let at = start.byteLength;
  for (const name of order) {
    const { dtype, shape, bytes } = tensors.get(name)!;
    if (checkedByteLength(dtype, shape) !== bytes.byteLength) {
      throw cannotWrite(name, `got ${bytes.byteLength} bytes for ${dtype} [${shape.join(", ")}]`);
    }
    file.set(bytes, at);
    at += bytes.byteLength;
  }
  return file;
}

/**
 * The length and header of a file that is written tensor by tensor. The tensors' bytes must follow end to end in `order`:
 * larger elements first, so that every tensor is aligned to its element size, then by name. The header is padded with
 * spaces to a multiple of 8 bytes. Throws `internal_error` for a tensor that the format cannot represent.
 */
export function startSafetensors(
  tensors: ReadonlyMap<string, Pick<SafetensorsTensor, "dtype" | "shape">>,
  metadata: Readonly<Record<string, string>> = {},
): { readonly start: Uint8Array; readonly order: readonly string[]; readonly totalBytes: number } {
  const sorted = [...tensors].sort(
    ([aName, a], [bName, b]) =>
      SAFETENSORS_DTYPES[b.dtype] - SAFETENSORS_DTYPES[a.dtype] ||
      compareText(a.dtype, b.dtype) ||
      compareText(aName, bName),
  );
  const fields: [string, unknown][] = [];
  const names = Object.keys(metadata).sort(compareText);
  if (names.length > 0) fields.push(["__metadata__", Object.fromEntries(names.map((name) => [name, metadata[name]]))]);
  let size = 0;
  for (const [name, { dtype, shape }] of sorted) {
    const bytes = checkedByteLength(dtype, shape);
    if (bytes === undefined || name === "__metadata__") throw cannotWrite(name, `${dtype} [${shape.join(", ")}]`);
    fields.push([name, { dtype, shape, data_offsets: [size, size + bytes] }]);
    size += bytes;
  }
  // Joined by hand, because an object would move keys such as "7" to the front.
  const json = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
  const encoded = new TextEncoder().encode(json);
  const headerLength = Math.ceil(encoded.byteLength / 8) * 8;
  const start = new Uint8Array(LENGTH_BYTES + headerLength);
  new DataView(start.buffer).setBigUint64(0, BigInt(headerLength), true);
  start.fill(0x20, LENGTH_BYTES);
  start.set(encoded, LENGTH_BYTES);
  return { start, order: sorted.map(([name]) => name), totalBytes: start.byteLength + size };
}

function cannotWrite(name: string, problem: string): TrimtabError {
  return new TrimtabError("internal_error", `cannot write tensor ${quoteName(name)}: ${problem}`);
}

/**
 * The values of an F32, F16 or BF16 tensor as float32. Do not write to the result: for an aligned F32 tensor it is a view
 * of the tensor's bytes. Throws `invalid_model` for other dtypes.
 */
export function toF32(tensor: SafetensorsTensor): Float32Array {
  const { dtype, bytes } = tensor;
  switch (dtype) {
    case "F32": {
      const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
      return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
    }
    case "F16":
      return widenFloat16(words(bytes));
    case "BF16":
      return widenBfloat16(words(bytes));
    default:
      throw new TrimtabError("invalid_model", `a ${dtype} tensor cannot be read as float32; use F32, F16 or BF16`);
  }
}

/** The bytes of `values` in a float dtype, rounded to nearest, ties to even. Always a copy. */
export function fromF32(values: Float32Array, dtype: "F32" | "F16" | "BF16"): Uint8Array {
  switch (dtype) {
    case "F32":
      return new Uint8Array(values.slice().buffer);
    case "F16":
      return new Uint8Array(narrowToFloat16(values).buffer);
    case "BF16":
      return new Uint8Array(narrowToBfloat16(values).buffer);
  }
}

/** The index of the first NaN or infinity, or −1. Integer dtypes have none. */
function firstNonFinite({ dtype, bytes }: SafetensorsTensor): number {
  switch (dtype) {
    case "F64": {
      const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
      const values = new Float64Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 8);
      return values.findIndex((value) => !Number.isFinite(value));
    }
    case "F32": {
      const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
      const bits = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
      return firstWithExponent(bits, 0x7f800000);
    }
    case "F16":
      return firstWithExponent(words(bytes), 0x7c00);
    case "BF16":
      return firstWithExponent(words(bytes), 0x7f80);
    default:
      return -1;
  }
}

/** All exponent bits set means NaN or infinity in every IEEE format. */
function firstWithExponent(bits: Uint16Array | Uint32Array, exponent: number): number {
  for (let index = 0; index < bits.length; index++) if ((bits[index]! & exponent) === exponent) return index;
  return -1;
}

function words(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
