/** From logits to a token: pure, so that a seeded request gives the same text alone and in any batch. */

export interface SamplingSettings {
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  /** The smallest set of likeliest tokens whose probabilities reach this sum is kept. Holtzman et al. 2020. */
  readonly topP: number;
  /** Subtracted once from the logit of every token generated so far. */
  readonly presencePenalty: number;
  /** Subtracted as often as the token was generated. */
  readonly frequencyPenalty: number;
  readonly logitBias: readonly (readonly [token: number, bias: number])[];
}

/**
 * Draws the next token. `logits` [V] is not changed; `counts` says how often each token was generated; `uniform` in
 * [0, 1) decides, and is not looked at when the temperature is 0. Among equal logits the lowest id wins.
 */
export function sampleToken(
  logits: Float32Array,
  settings: SamplingSettings,
  counts: ReadonlyMap<number, number>,
  uniform: number,
): number {
  const adjusted = adjust(logits, settings, counts);
  if (settings.temperature === 0) return argmax(adjusted);
  const probabilities = softmax(adjusted, settings.temperature);
  const candidates = nucleus(probabilities, settings.topP);
  const mass = candidates.reduce((sum, token) => sum + probabilities[token]!, 0);
  let rest = uniform * mass;
  for (const token of candidates) {
    rest -= probabilities[token]!;
    if (rest < 0) return token;
  }
  return candidates.at(-1)!;
}

function adjust(logits: Float32Array, settings: SamplingSettings, counts: ReadonlyMap<number, number>): Float32Array {
  const { presencePenalty, frequencyPenalty, logitBias } = settings;
  const penalised = (presencePenalty !== 0 || frequencyPenalty !== 0) && counts.size > 0;
  if (!penalised && logitBias.length === 0) return logits;
  const adjusted = logits.slice();
  for (const [token, bias] of logitBias) {
    if (token < adjusted.length) adjusted[token]! += bias;
  }
  if (penalised) {
    for (const [token, count] of counts) adjusted[token]! -= presencePenalty + count * frequencyPenalty;
  }
  return adjusted;
}

function argmax(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  return best;
}

function softmax(logits: Float32Array, temperature: number): Float64Array {
  const top = logits[argmax(logits)]!;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - top) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Token ids by falling probability, as many as it takes to reach `topP`; at least one. */
function nucleus(probabilities: Float64Array, topP: number): number[] {
  const order = Array.from(probabilities.keys());
  if (topP >= 1) return order;
  order.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  let mass = 0;
  const size = order.findIndex((token) => {
    mass += probabilities[token]!;
    return mass >= topP;
  });
  return size < 0 ? order : order.slice(0, size + 1);
}

export interface ScoredToken {
  readonly token: number;
  /** Natural logarithm of the token's probability. */
  readonly logprob: number;
}

/**
 * The log-probability of `token` and of the `top` likeliest, under the model's own distribution: before temperature,
 * penalties and bias, so that it does not depend on how the token was drawn.
 */
export function scoreToken(logits: Float32Array, token: number, top: number): ScoredToken & { top: ScoredToken[] } {
  const highest = logits[argmax(logits)]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  const normaliser = highest + Math.log(sum);
  const likeliest: number[] = [];
  if (top > 0) {
    const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
    likeliest.push(...order.slice(0, top));
  }
  const score = (id: number): ScoredToken => ({ token: id, logprob: logits[id]! - normaliser });
  return { ...score(token), top: likeliest.map(score) };
}
