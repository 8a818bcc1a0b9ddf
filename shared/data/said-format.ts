/** What an upload may say of its file, so that nothing is guessed: the format of its lines, or the kind that it is of. */
import { TrimtabError } from "../errors.ts";
import { DATASET_KIND_NAMES, type DatasetKindName } from "./dataset-kinds/registry.ts";
import { LINE_FORMATS, REFUSED_FORMATS } from "./line-formats/registry.ts";

export interface SaidFormat {
  readonly name: string;
  readonly kind: DatasetKindName;
  /** The id of the line format that examples have; absent for other kinds. */
  readonly format?: string;
}

const SAID: readonly SaidFormat[] = [
  ...LINE_FORMATS.filter((format) => !REFUSED_FORMATS.includes(format)).map(
    ({ id }): SaidFormat => ({ name: id, kind: "examples", format: id }),
  ),
  // Examples are of one format or another.
  ...DATASET_KIND_NAMES.filter((kind) => kind !== "examples").map((kind): SaidFormat => ({ name: kind, kind })),
];

/** Every name that an upload may say. */
export const FORMAT_NAMES: readonly string[] = SAID.map(({ name }) => name);

/** What a name stands for. Throws `invalid_request`, listing the names, for an unknown one. */
export function saidFormat(name: string): SaidFormat {
  const found = SAID.find((said) => said.name === name);
  if (found !== undefined) return found;
  const message = `\`format\` must be one of ${FORMAT_NAMES.join(", ")}, or left out; it is ${JSON.stringify(name.slice(0, 64))}.`;
  throw new TrimtabError("invalid_request", message, { param: "format" });
}
