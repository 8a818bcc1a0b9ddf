import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { BatchShape } from "../../../shared/model/training-forward.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, i64, tensor } from "../../../shared/tensor.ts";
import type { MicroBatch } from "../../../trainer/loop/train.ts";
import { generateDocuments, renderDocument } from "../corpus/index.ts";
import { drill } from "./drill.ts";

/** How many documents to choose from when filling a row. */
const POOL = 48;
/**
 * The share of rows in which documents attend to those before them, which teaches distances longer than one document. In the
 * other rows each document sees only itself, as a prompt does.
 */
const JOINED_SHARE = 0.4;

/**
 * The batch of one step: whole documents of the corpus, or drills in `drillShare` of the cases, each followed by the
 * end-of-text token, packed into rows. A pure function of seed and step. Truncates documents longer than a row.
 */
export function pretrainingBatch(
  tokenizer: Tokenizer,
  { rows, tokens: length }: BatchShape,
  { seed, step, drillShare }: { seed: number; step: number; drillShare: number },
): MicroBatch {
  const random = createRandom(seed, "rows", step);
  const documents = generateDocuments(random.below(2 ** 31));
  const next = () => {
    const drilled = drillShare > 0 && random.float() < drillShare;
    const ids = drilled ? drill(tokenizer, random) : tokenizer.encodeTrusted(renderDocument(documents.next().value));
    return [...ids, tokenizer.padId].slice(0, length);
  };
  const pool = Array.from({ length: POOL }, next);

  const size = rows * length;
  const tokens = new Array<number>(size).fill(tokenizer.padId);
  const targets = new Array<number>(size).fill(tokenizer.padId);
  const positions = new Array<number>(size).fill(0);
  const segments = new Int32Array(size);
  const weights = new Float32Array(size);
  for (let row = 0; row < rows; row++) {
    const joined = random.float() < JOINED_SHARE;
    let used = 0;
    for (let segment = 1; ; segment++) {
      const fitting = pool.findIndex((document) => document.length <= length - used);
      if (fitting < 0) break;
      const document = pool.splice(fitting, 1)[0]!;
      pool.push(next());
      document.forEach((token, i) => {
        const at = row * length + used + i;
        tokens[at] = token;
        positions[at] = joined ? used + i : i;
        segments[at] = joined ? 1 : segment;
        // Even in joined rows, the last token of a document does not predict the first of the next.
        if (i + 1 < document.length) {
          targets[at] = document[i + 1]!;
          weights[at] = 1;
        }
      });
      used += document.length;
    }
  }
  const trainedTokens = weights.reduce((sum, weight) => sum + weight, 0);
  const feeds = {
    tokens: i64([rows, length], tokens),
    targets: i64([rows, length], targets),
    positions: i64([rows, length], positions),
    segments: tensor("i32", [rows, length], segments),
    weights: f32([rows, length], weights),
    total: f32([], [trainedTokens]),
  };
  return { feeds, trainedTokens };
}
