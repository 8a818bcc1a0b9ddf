/** Reads facts from logits [V]; never changes them. */

/** The likeliest token; among equals the one with the lowest id. */
export function argmax(logits: ArrayLike<number>): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}

/** ln Σ exp(logitᵢ / temperature), which every log-probability subtracts. */
export function logSumExp(logits: ArrayLike<number>, temperature = 1): number {
  const highest = logits[argmax(logits)]!;
  let sum = 0;
  for (let token = 0; token < logits.length; token++) sum += Math.exp((logits[token]! - highest) / temperature);
  return highest / temperature + Math.log(sum);
}

/** The `count` likeliest tokens, likeliest first; among equals the one with the lower id comes first. */
export function likeliest(logits: ArrayLike<number>, count: number): number[] {
  const best: number[] = [];
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (best.length === count && (count === 0 || logit <= logits[best[count - 1]!]!)) continue;
    let place = best.length;
    while (place > 0 && logits[best[place - 1]!]! < logit) place--;
    best.splice(place, 0, token);
    if (best.length > count) best.pop();
  }
  return best;
}

/** The k-th highest of the scores, 1 ≤ k ≤ V: Hoare's selection, linear in V on average. */
export function kthHighest(scores: Float64Array, k: number): number {
  const values = scores.slice();
  const wanted = k - 1;
  let [first, last] = [0, values.length - 1];
  while (first < last) {
    const pivot = values[(first + last) >> 1]!;
    let [left, right] = [first, last];
    while (left <= right) {
      while (values[left]! > pivot) left++;
      while (values[right]! < pivot) right--;
      if (left > right) break;
      [values[left], values[right]] = [values[right]!, values[left]!];
      left++;
      right--;
    }
    if (wanted <= right) last = right;
    else if (wanted >= left) first = left;
    else break;
  }
  return values[wanted]!;
}

export interface ScoredToken {
  readonly token: number;
  /** Natural logarithm of the token's probability. */
  readonly logprob: number;
}

/**
 * The log-probability of `token` and of the `top` likeliest tokens under the model's own distribution: before temperature,
 * penalties and bias, so that it does not depend on how the token was drawn.
 */
export function scoreToken(
  logits: ArrayLike<number>,
  token: number,
  top: number,
): ScoredToken & { readonly top: ScoredToken[] } {
  const normaliser = logSumExp(logits);
  const score = (id: number): ScoredToken => ({ token: id, logprob: logits[id]! - normaliser });
  return { ...score(token), top: likeliest(logits, top).map(score) };
}
