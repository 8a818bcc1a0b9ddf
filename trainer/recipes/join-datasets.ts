import { isMetadata } from "../../shared/data/training-lines.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { joinBytes } from "../../shared/formats/join-bytes.ts";
import type { Dataset, MixedDataset } from "./recipe.ts";

const LINE_FEED = 0x0a;

/** Several files of JSON Lines as one dataset, for whatever looks at all lines, which also says what it is made of. */
export async function joinDatasets(files: readonly MixedDataset[]): Promise<Dataset> {
  const [{ name }, ...others] = files.map(({ dataset }) => dataset) as [Dataset, ...Dataset[]];
  const lines = files.flatMap(({ dataset }) => [...examplesOf(dataset.bytes)]);
  const digests = files.map(({ dataset }) => dataset.digest).join("\n");
  return {
    name: others.length === 0 ? name : `${name} and ${others.length} more`,
    digest: await sha256Hex(new TextEncoder().encode(digests)),
    bytes: joinBytes(lines),
    files,
  };
}

/** The lines of a file without what may only stand at its beginning: a byte order mark, and a line that describes it. */
function* examplesOf(bytes: Uint8Array): Generator<Uint8Array, void> {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const text = hasMark ? bytes.subarray(3) : bytes;
  const end = text.indexOf(LINE_FEED);
  yield describes(text.subarray(0, end < 0 ? undefined : end)) ? text.subarray(end < 0 ? text.length : end + 1) : text;
  if (text.at(-1) !== LINE_FEED) yield Uint8Array.of(LINE_FEED);
}

function describes(line: Uint8Array): boolean {
  try {
    return isMetadata(JSON.parse(new TextDecoder().decode(line)), 1);
  } catch {
    // A blank line, say. Whatever is wrong with it is told where its file is read.
    return false;
  }
}
