/** λ of one attribute of one text. */
export interface StrengthSettings {
  /** λ, or what it starts from if there is a target. */
  readonly strength: number;
  /** The probability that the classifier shall give the text. */
  readonly target?: number | undefined;
  /** A usual strength of the mode, in which the steps are measured. */
  readonly unit: number;
}

const GAIN = 0.25;
const LARGEST_ERROR = 4;
/** In units. */
const LARGEST = 10;

/**
 * λ is fixed, or moves after every token towards what brings the text's probability p to the target:
 *
 *     λ ← clip(λ + ¼ u · clip(logit(target) − logit(p), −4, 4), 0, 10 u)
 *
 * u is the mode's usual strength. The first token is chosen with the λ that it starts from, since there is no text yet.
 */
export class AdaptiveStrength {
  readonly #settings: StrengthSettings;
  #strength: number;

  constructor(settings: StrengthSettings) {
    this.#settings = settings;
    this.#strength = settings.strength;
  }

  /** The same λ, which goes on by itself. */
  fork(): AdaptiveStrength {
    return new AdaptiveStrength({ ...this.#settings, strength: this.#strength });
  }

  get value(): number {
    return this.#strength;
  }

  /** Call once for every token, with log p of the text that ends with it. */
  follow(logProbability: number): void {
    const { target, unit } = this.#settings;
    if (target === undefined) return;
    const error = Math.log(target / (1 - target)) - logit(logProbability);
    const step = Math.min(LARGEST_ERROR, Math.max(-LARGEST_ERROR, error));
    this.#strength = Math.min(LARGEST * unit, Math.max(0, this.#strength + GAIN * unit * step));
  }
}

/** Of log p; infinite where p rounds to 0 or 1. */
const logit = (logProbability: number) => logProbability - Math.log(-Math.expm1(logProbability));
