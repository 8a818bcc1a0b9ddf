/** What trials have set, in words that are short enough for tables and charts. */
import type { ShownTrial } from "../api/sweeps.ts";

export type InWords = (value: unknown) => string;

/** Short texts for what trials have set, of which no two different values have the same. */
export function wordsFor(trials: readonly Pick<ShownTrial, "settings">[]): InWords {
  const words = new Map<string, string>();
  const taken = new Set<string>();
  for (const value of trials.flatMap(({ settings }) => Object.values(settings))) {
    const key = JSON.stringify(value);
    if (words.has(key) || typeof value === "number") continue;
    const short = shortened(value);
    let distinct = short;
    for (let times = 2; taken.has(distinct); times++) distinct = `${short} (${times})`;
    taken.add(distinct);
    words.set(key, distinct);
  }
  return (value) => words.get(JSON.stringify(value)) ?? shortened(value);
}

function shortened(value: unknown): string {
  const text = isFileList(value)
    ? filesInWords(value, cutId)
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
  return cut(text, SHOWN);
}

/** Characters of a setting in a table or a chart. */
const SHOWN = 48;

const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Characters of a file's id among several. */
const cutId = (id: string) => cut(id, 12);

export type FileList = readonly (
  | string
  | { readonly id: string; readonly weight?: number | undefined; readonly max_examples?: number | undefined }
)[];

/** Whether a setting is a list of files, as `training_file` takes it. */
function isFileList(value: unknown): value is FileList {
  const isFile = (one: unknown) =>
    typeof one === "string" ||
    (typeof one === "object" &&
      one !== null &&
      "id" in one &&
      typeof one.id === "string" &&
      one.id.startsWith("file-"));
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(isFile) &&
    value.some((one) => idOf(one).startsWith("file-"))
  );
}

const idOf = (file: FileList[number]) => (typeof file === "string" ? file : file.id);

/** `file-a + 2 × file-b (at most 300)` */
export function filesInWords(files: FileList, shown: (id: string) => string): string {
  const words = files.map((file) => {
    const { weight = 1, max_examples: most } = typeof file === "string" ? {} : file;
    return `${weight === 1 ? "" : `${weight} × `}${shown(idOf(file))}${most === undefined ? "" : ` (at most ${most})`}`;
  });
  return words.join(" + ");
}
