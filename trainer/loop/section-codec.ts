import { z } from "zod";
import { TrimtabError } from "../../shared/errors.ts";
import type { SafetensorsDType, SafetensorsTensor } from "../../shared/formats/safetensors.ts";
import { type DType, type Tensor, type TensorData, tensor } from "../../shared/tensor.ts";
import { type Section, type SectionSpecs, type Sections, sectionProblem } from "./sections.ts";

const FILE_DTYPE = { f32: "F32", f64: "F64", i32: "I32", i64: "I64", u8: "U8", bool: "BOOL" } as const satisfies Record<
  DType,
  SafetensorsDType
>;
const DTYPE_OF = new Map<SafetensorsDType, DType>(
  Object.entries(FILE_DTYPE).map(([dtype, name]) => [name, dtype as DType]),
);
const ARRAY: { readonly [D in DType]: new (buffer: ArrayBuffer) => TensorData[D] } = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** Starts the names of sections' tensors, which sets them apart from parameters; the section's name follows. */
const PREFIX = "section:";
const tensorName = (section: string, name: string) => `${PREFIX}${section}/${name}`;
export const isSectionTensor = (name: string) => name.startsWith(PREFIX);

/** The field of a checkpoint's metadata that holds the sections' JSON. */
export const SECTIONS_FIELD = "sections";
const jsonOfSections = z.record(z.string(), z.unknown());

/**
 * A tensor to write. Its bytes are read only when they are copied, so that paged moments are in memory one at a time.
 */
export function fileTensor(value: Tensor): SafetensorsTensor {
  return {
    dtype: FILE_DTYPE[value.dtype],
    shape: value.shape,
    get bytes() {
      const { buffer, byteOffset, byteLength } = value.data;
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  };
}

/** The tensors and metadata that a checkpoint stores for the sections; none without sections. */
export function encodeSections(sections: Sections = {}): {
  readonly tensors: readonly (readonly [string, SafetensorsTensor])[];
  readonly metadata: Readonly<Record<string, string>>;
} {
  const entries = Object.entries(sections);
  if (entries.length === 0) return { tensors: [], metadata: {} };
  return {
    tensors: entries.flatMap(([section, { tensors }]) =>
      Object.entries(tensors).map(([name, value]) => [tensorName(section, name), fileTensor(value)] as const),
    ),
    metadata: { [SECTIONS_FIELD]: JSON.stringify(Object.fromEntries(entries.map(([name, { json }]) => [name, json]))) },
  };
}

/**
 * The inverse of `encodeSections`, for a run with exactly the sections of `specs`. Throws `corrupt_blob` if one is missing
 * that is not optional, is unknown, or does not match its spec.
 */
export function decodeSections(
  specs: SectionSpecs,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  text: string | undefined,
): Sections {
  const json = parseJson(text);
  const unknown = Object.keys(json).find((name) => !Object.hasOwn(specs, name));
  if (unknown !== undefined) throw corrupt(`has a section ${unknown}, which this run does not have`);
  const sections: Record<string, Section> = {};
  for (const [name, spec] of Object.entries(specs)) {
    if (!Object.hasOwn(json, name)) {
      if (spec.optional !== true) throw corrupt(`has no section ${name}`);
      sections[name] = spec.initial;
      continue;
    }
    const prefix = tensorName(name, "");
    const own = [...tensors].filter(([key]) => key.startsWith(prefix));
    const section: Section = {
      tensors: Object.fromEntries(own.map(([key, stored]) => [key.slice(prefix.length), decodeTensor(key, stored)])),
      json: json[name],
    };
    const problem = sectionProblem(spec, section);
    if (problem !== undefined) throw corrupt(`does not fit in its section ${name}: ${problem}`);
    sections[name] = section;
  }
  return sections;
}

function parseJson(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    return jsonOfSections.parse(JSON.parse(text));
  } catch (cause) {
    throw corrupt("has sections that are not a JSON object", cause);
  }
}

function decodeTensor(name: string, { dtype, shape, bytes }: SafetensorsTensor): Tensor {
  const known = DTYPE_OF.get(dtype);
  if (known === undefined) throw corrupt(`has a tensor ${name} of dtype ${dtype}`);
  // Copied, since a view of the file need not be aligned to its elements.
  return tensor(known, shape, new ARRAY[known](bytes.slice().buffer as ArrayBuffer));
}

function corrupt(problem: string, cause?: unknown): TrimtabError {
  return new TrimtabError("corrupt_blob", `the checkpoint ${problem}`, { cause });
}
