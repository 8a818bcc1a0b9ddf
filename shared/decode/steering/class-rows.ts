/** GeDi: a text judged by how likely each class's row finds it. Legend: K classes, V vocabulary. */
import type { Scorer } from "../../delta/scorer.ts";
import { calibrated, classRowLogits, logSoftmax } from "../../delta/scorer-values.ts";
import { argmax, logSumExp } from "../logits.ts";
import { placeOfMass } from "../select-by-mass.ts";

/** What the rows of one scorer's classes have said of one text. */
export class ClassRows {
  readonly #scorer: Scorer;
  /** [K]: log p(text | class). */
  readonly #sums: Float64Array;
  /** [K][V] and [K]: the rows' logits of the next token, and their normalisers. */
  #logits: Float32Array[] = [];
  readonly #normalisers: Float64Array;
  /** Tokens in `sums`. */
  #tokens = 0;
  /** Tokens of the text when the logits were taken. */
  #taken = 0;

  constructor(scorer: Scorer) {
    this.#scorer = scorer;
    this.#sums = new Float64Array(scorer.about.labels.length);
    this.#normalisers = new Float64Array(this.#sums.length);
  }

  /** The same text so far, which goes on by itself. */
  fork(): ClassRows {
    const copy = new ClassRows(this.#scorer);
    copy.#sums.set(this.#sums);
    copy.#normalisers.set(this.#normalisers);
    copy.#logits = this.#logits.map((logits) => logits.slice());
    copy.#tokens = this.#tokens;
    copy.#taken = this.#taken;
    return copy;
  }

  /**
   * Adds the token that was chosen since the last call, and copies what the rows say of the next one. Calling it again in the
   * same step changes nothing.
   */
  take(generated: readonly number[], logits: (label: number) => Float32Array): void {
    const chosen = generated.at(-1);
    if (chosen !== undefined && generated.length === this.#taken + 1 && this.#logits.length > 0) {
      for (const [c, row] of this.#logits.entries()) this.#sums[c]! += row[chosen]! - this.#normalisers[c]!;
      this.#tokens++;
    }
    this.#taken = generated.length;
    if (this.#logits.length === 0) this.#logits = Array.from(this.#sums, (_, c) => new Float32Array(logits(c).length));
    for (const [c, row] of this.#logits.entries()) {
      row.set(logits(c));
      this.#normalisers[c] = logSumExp(row);
    }
  }

  /** log p(label | text so far); before the first token, what the scorer's bias says. */
  logProbability(label: number): number {
    const scores = classRowLogits(this.#scorer, this.#sums, Math.max(1, this.#tokens));
    return logSoftmax(calibrated(this.#scorer, scores, "class_rows"))[label]!;
  }

  /** Sets `logs` [V] to log p(label | text and v) for every next token v. */
  tokenLogProbabilities(label: number, logs: Float64Array): void {
    const temperature = this.#scorer.about.temperatures.class_rows!;
    const scale = this.#scorer.about.class_rows!.scale / ((this.#tokens + 1) * temperature);
    // Per class, what does not depend on the token.
    const fixed = classRowLogits(this.#scorer, this.#sums, this.#tokens + 1);
    for (let c = 0; c < fixed.length; c++) fixed[c] = fixed[c]! / temperature - scale * this.#normalisers[c]!;
    const [rows, own] = [this.#logits, this.#logits[label]!];
    if (rows.length === 2) {
      const other = rows[1 - label]!;
      const gap = fixed[1 - label]! - fixed[label]!;
      for (let token = 0; token < logs.length; token++) {
        const odds = gap + scale * (other[token]! - own[token]!);
        logs[token] = odds > 0 ? -odds - Math.log1p(Math.exp(-odds)) : -Math.log1p(Math.exp(odds));
      }
      return;
    }
    for (let token = 0; token < logs.length; token++) {
      const score = fixed[label]! + scale * own[token]!;
      let most = score;
      for (let c = 0; c < fixed.length; c++) most = Math.max(most, fixed[c]! + scale * rows[c]![token]!);
      let sum = 0;
      for (let c = 0; c < fixed.length; c++) sum += Math.exp(fixed[c]! + scale * rows[c]![token]! - most);
      logs[token] = score - most - Math.log(sum);
    }
  }
}

/** Rules out, in place, the tokens that are less likely than this share of the likeliest. */
export function cutImplausible(scores: Float64Array, share: number): void {
  if (share === 0) return;
  const least = scores[argmax(scores)]! + Math.log(share);
  for (let token = 0; token < scores.length; token++) {
    if (scores[token]! < least) scores[token] = Number.NEGATIVE_INFINITY;
  }
}

export interface ClassFilter {
  /** ρ: how much probability may go. */
  readonly filter: number;
  /** τ: tokens after which the class is at least this likely stay. */
  readonly keepAbove: number;
}

/**
 * Rules out, in place, the tokens that fit the class least, as many as have a probability of less than ρ together, but for
 * those with p(class | text and token) ≥ τ. At least one stays. `logs` [V]: log p(class | text and v). `order` [V] is overwritten.
 */
export function cutByClass(
  scores: Float64Array,
  logs: Float64Array,
  { filter, keepAbove, order }: ClassFilter & { readonly order: Uint32Array },
): void {
  const normaliser = logSumExp(scores);
  let count = 0;
  for (let token = 0; token < scores.length; token++) {
    if (scores[token] !== Number.NEGATIVE_INFINITY) order[count++] = token;
  }
  const mass = (token: number) => Math.exp(scores[token]! - normaliser);
  const isBefore = (a: number, b: number) => logs[a]! < logs[b]! || (logs[a] === logs[b] && a < b);
  const kept = placeOfMass(order.subarray(0, count), { wanted: filter, mass, isBefore });
  const least = Math.log(keepAbove);
  for (const token of order.subarray(0, kept)) if (logs[token]! < least) scores[token] = Number.NEGATIVE_INFINITY;
}
