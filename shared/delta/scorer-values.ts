/** A scorer's numbers, computed on the host from the hidden state h [D] after the model's last norm. */
import { TrimtabError } from "../errors.ts";
import type { Scorer, ScorerMode } from "./scorer.ts";

/** head_c(h) for each class: [K], not calibrated. */
export function classLogits({ weight, bias }: Scorer, final: Float32Array): Float64Array {
  const classes = bias.data.length;
  const logits = Float64Array.from(bias.data);
  for (let d = 0, at = 0; d < final.length; d++) {
    const h = final[d]!;
    for (let c = 0; c < classes; c++, at++) logits[c]! += h * weight.data[at]!;
  }
  return logits;
}

/** Divides by the way's temperature: [K]. Throws `invalid_request` for a way that the scorer was not trained for. */
export function calibrated(scorer: Scorer, logits: Float64Array, mode: ScorerMode): Float64Array {
  const temperature = temperatureOf(scorer, mode);
  return logits.map((logit) => logit / temperature);
}

/** log p(c | text) for each class: [K], calibrated. */
export function classLogProbabilities(scorer: Scorer, final: Float32Array): Float64Array {
  return logSoftmax(calibrated(scorer, classLogits(scorer, final), "lookahead"));
}

/**
 * The class scores of a text from what its rows in `class_rows` give: [K], not calibrated. `sums` [K]: the log-probability
 * of the text after each class's ids; `tokens`: how many tokens it has, at least 1.
 */
export function classRowLogits({ about }: Scorer, sums: ArrayLike<number>, tokens: number): Float64Array {
  const rows = about.class_rows;
  if (rows === undefined) throw notOffered("class_rows");
  return Float64Array.from(rows.bias, (bias, c) => bias + (rows.scale * sums[c]!) / tokens);
}

/** value_c(h, v) for every next token v: [K, V], one class after the other, not calibrated. */
export function tokenValues(scorer: Scorer, final: Float32Array): Float64Array {
  const { t } = tokensOf(scorer);
  const [vocabulary, rank] = t.shape as [number, number];
  const logits = classLogits(scorer, final);
  const reads = readsOf(scorer, final);
  const values = new Float64Array(logits.length * vocabulary);
  for (const [c, logit] of logits.entries()) {
    const own = reads.subarray(c * rank, (c + 1) * rank);
    addProducts(values.subarray(c * vocabulary, (c + 1) * vocabulary), { table: t.data, read: own, first: logit });
  }
  return values;
}

/**
 * log p(c | text and v) for every next token v: [V], calibrated. `label` is c's index. With two classes only their
 * difference is computed, which takes half the time.
 */
export function tokenLogProbabilities(scorer: Scorer, final: Float32Array, label: number): Float64Array {
  const temperature = temperatureOf(scorer, "token_values");
  const { t } = tokensOf(scorer);
  const [vocabulary, rank] = t.shape as [number, number];
  const classes = scorer.bias.data.length;
  if (classes !== 2) return softmaxOverClasses(tokenValues(scorer, final), { vocabulary, classes, label, temperature });
  const logits = classLogits(scorer, final);
  const reads = readsOf(scorer, final);
  const difference = new Float64Array(rank);
  for (let r = 0; r < rank; r++) {
    difference[r] = (reads[label * rank + r]! - reads[(1 - label) * rank + r]!) / temperature;
  }
  const result = new Float64Array(vocabulary);
  const first = (logits[label]! - logits[1 - label]!) / temperature;
  addProducts(result, { table: t.data, read: difference, first });
  for (let v = 0; v < vocabulary; v++) result[v] = logSigmoid(result[v]!);
  return result;
}

/** x − log Σ exp(x), without overflow. */
export function logSoftmax(logits: Float64Array): Float64Array {
  const most = logits.reduce((max, logit) => Math.max(max, logit), Number.NEGATIVE_INFINITY);
  const log = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  return logits.map((logit) => logit - log);
}

function logSigmoid(x: number): number {
  return x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x));
}

/** h·A: [K·r]. */
function readsOf(scorer: Scorer, final: Float32Array): Float64Array {
  const { data, shape } = tokensOf(scorer).a;
  const columns = shape[1]!;
  const reads = new Float64Array(columns);
  for (let d = 0, at = 0; d < final.length; d++) {
    const h = final[d]!;
    for (let column = 0; column < columns; column++, at++) reads[column]! += h * data[at]!;
  }
  return reads;
}

/** Sets `result` [V] to first + T·read for T [V, r], four columns at a time where r allows. */
function addProducts(
  result: Float64Array,
  { table, read, first }: { readonly table: Float32Array; readonly read: Float64Array; readonly first: number },
): void {
  const rank = read.length;
  const even = rank - (rank % 4);
  for (let v = 0, at = 0; v < result.length; v++, at += rank) {
    let [s0, s1, s2, s3] = [first, 0, 0, 0];
    let r = 0;
    for (; r < even; r += 4) {
      s0 += table[at + r]! * read[r]!;
      s1 += table[at + r + 1]! * read[r + 1]!;
      s2 += table[at + r + 2]! * read[r + 2]!;
      s3 += table[at + r + 3]! * read[r + 3]!;
    }
    for (; r < rank; r++) s0 += table[at + r]! * read[r]!;
    result[v] = s0 + s1 + (s2 + s3);
  }
}

interface ClassSoftmax {
  readonly vocabulary: number;
  readonly classes: number;
  readonly label: number;
  readonly temperature: number;
}

function softmaxOverClasses(values: Float64Array, options: ClassSoftmax): Float64Array {
  const { vocabulary, classes, label, temperature } = options;
  const result = new Float64Array(vocabulary);
  for (let v = 0; v < vocabulary; v++) {
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) most = Math.max(most, values[c * vocabulary + v]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp((values[c * vocabulary + v]! - most) / temperature);
    result[v] = (values[label * vocabulary + v]! - most) / temperature - Math.log(sum);
  }
  return result;
}

function temperatureOf({ about }: Scorer, mode: ScorerMode): number {
  const temperature = about.temperatures[mode];
  if (temperature === undefined) throw notOffered(mode);
  return temperature;
}

function tokensOf({ tokens }: Scorer): NonNullable<Scorer["tokens"]> {
  if (tokens === undefined) throw notOffered("token_values");
  return tokens;
}

function notOffered(mode: ScorerMode): TrimtabError {
  return new TrimtabError(
    "invalid_request",
    `The classifier was not trained for the mode ${mode}. Use another mode, or train it with ${mode} among its \`modes\`.`,
    { param: "mode" },
  );
}
