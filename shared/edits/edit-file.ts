/**
 * `edit.safetensors`, beside the adapters of an edit's delta: what later edits need of it. For each edited layer N it has the tensor
 * `keys.N` F32 [n, in], the keys of its n facts, and in the metadata `edit` what the facts are.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { parseSafetensors, type SafetensorsTensor, toF32, writeSafetensors } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import { LIMITS } from "../limits.ts";
import { type DenseMatrix, matrix, sizes } from "../linalg/matrix.ts";
import { EDIT_METHODS } from "./report.ts";

export const EDIT_FILE = "edit.safetensors";
/** Bytes of the file: the keys of as many facts as one edit has, in several wide layers. */
export const EDIT_FILE_BYTES = 512 << 20;
const FORMAT = "trimtab.edit/1";

const EditAbout = z.strictObject({
  method: z.enum(EDIT_METHODS),
  /** Length that values at its last layer are scaled to; null where it was not measured. */
  value_norm: z.number().positive().nullable(),
  facts: z
    .array(
      z.strictObject({
        /** The fact's place in the edit, some of whose facts may not have been solved. */
        index: z.int().min(0),
        prompt: z.string(),
        subject: z.string(),
        target_new: z.string(),
      }),
    )
    .min(1)
    .max(LIMITS.edits),
});

export interface EditFile extends z.output<typeof EditAbout> {
  /** Layer → keys [n, in], a row for each of the facts. */
  readonly keys: ReadonlyMap<number, DenseMatrix>;
}

/** The file. Throws `internal_error` for keys that do not fit the facts. */
export function encodeEditFile({ keys, ...about }: EditFile): Uint8Array {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [layer, rows] of [...keys].sort(([a], [b]) => a - b)) {
    if (sizes(rows)[0] !== about.facts.length) {
      throw new TrimtabError(
        "internal_error",
        `layer ${layer} has ${sizes(rows)[0]} keys of ${about.facts.length} facts`,
      );
    }
    const bytes = new Uint8Array(Float32Array.from(rows.data).buffer);
    tensors.set(`keys.${layer}`, { dtype: "F32", shape: rows.shape, bytes });
  }
  return writeSafetensors(tensors, { format: FORMAT, edit: JSON.stringify(EditAbout.parse(about)) });
}

/** Reads the file. Throws `invalid_delta`, naming the tensor or the metadata that is wrong. */
export function decodeEditFile(bytes: Uint8Array): EditFile {
  const refuse = (problem: string) => new TrimtabError("invalid_delta", `${EDIT_FILE} ${problem}`);
  const { metadata, tensors } = parseSafetensors(bytes, { code: "invalid_delta", name: EDIT_FILE, finite: true });
  if (metadata.format !== FORMAT) {
    throw refuse(`has the format ${quoteName(metadata.format ?? "unknown")}; expected ${FORMAT}`);
  }
  const about = EditAbout.safeParse(readJson(metadata.edit));
  if (!about.success) throw refuse("has metadata `edit` that does not say what was edited");
  const count = about.data.facts.length;
  const keys = new Map<number, DenseMatrix>();
  for (const [name, tensor] of tensors) {
    const layer = /^keys\.(0|[1-9]\d{0,2})$/.exec(name)?.[1];
    if (layer === undefined) throw refuse(`has a tensor ${quoteName(name)} that no edit has`);
    const { dtype, shape } = tensor;
    if (dtype !== "F32" || shape.length !== 2 || shape[0] !== count) {
      throw refuse(`has a tensor ${name} ${dtype} [${shape.join(", ")}] instead of F32 [${count}, in]`);
    }
    keys.set(Number(layer), matrix(count, shape[1]!, Float64Array.from(toF32(tensor))));
  }
  if (keys.size === 0) throw refuse("has no keys");
  return { ...about.data, keys };
}

function readJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

/** The layer at whose output its values were found. */
export const lastLayerOf = ({ keys }: Pick<EditFile, "keys">): number => Math.max(...keys.keys());

/**
 * Several edits as one: the facts and keys one after the other; `counts`: the facts of each edit, with those that were not solved. Only
 * layers that all of them changed have keys of all facts; the rest have rows of zeros where a fact was edited elsewhere, which a sum of
 * outer products leaves out.
 */
export function joinEditFiles(files: readonly EditFile[], counts: readonly number[]): EditFile {
  const [first] = files;
  if (first === undefined) throw new TrimtabError("internal_error", "there are no edits to join");
  let before = 0;
  const facts = files.flatMap((file, i) => {
    const moved = file.facts.map((fact) => ({ ...fact, index: before + fact.index }));
    before += counts[i]!;
    return moved;
  });
  const widths = new Map(
    files.flatMap(({ keys }) => [...keys].map(([layer, rows]) => [layer, sizes(rows)[1]] as const)),
  );
  const keys = new Map<number, DenseMatrix>();
  for (const [layer, width] of [...widths].sort(([a], [b]) => a - b)) {
    const joined = matrix(facts.length, width);
    let row = 0;
    for (const file of files) {
      const own = file.keys.get(layer);
      if (own !== undefined) joined.data.set(own.data, row * width);
      row += file.facts.length;
    }
    keys.set(layer, joined);
  }
  const last = Math.max(...widths.keys());
  const norms = files.flatMap((file) =>
    file.value_norm === null || lastLayerOf(file) !== last ? [] : [{ norm: file.value_norm, count: file.facts.length }],
  );
  const total = norms.reduce((sum, { count }) => sum + count, 0);
  const norm = total === 0 ? null : norms.reduce((sum, one) => sum + one.norm * (one.count / total), 0);
  return { method: files.at(-1)!.method, value_norm: norm, facts, keys };
}
