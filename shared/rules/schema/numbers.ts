/**
 * Numbers as regular languages of their decimal digits. Numbers with a bound or a divisor are written without an exponent;
 * others may have one. At most 21 digits stand before the point and 24 behind it, which holds every number that
 * `JSON.stringify` writes without an exponent; before the point of a multiple stand at most 15.
 */
import type { Regex, RegexStore } from "../regex/algebra.ts";
import { wholeMatches } from "../regex/pattern.ts";
import { normalised } from "../regex/ranges.ts";

export interface NumberBounds {
  readonly integer: boolean;
  readonly minimum?: Bound;
  readonly maximum?: Bound;
  readonly multiples: readonly number[];
  /** Whether whole numbers are ruled out. */
  readonly fractional?: boolean;
}

export interface Bound {
  readonly value: number;
  /** Whether the value itself is out of bounds. */
  readonly exclusive: boolean;
}

const WHOLE = "(0|[1-9][0-9]{0,20})";
const INTEGER = `-?${WHOLE}`;
/** An exponent that no digits before it can make infinite. */
const NUMBER =
  `-?${WHOLE}(\\.[0-9]{1,24})?([eE](-[0-9]{1,3}|\\+?([0-9]{1,2}|1[0-9]{2}|2[0-7][0-9])))?` +
  "|-?[1-9](\\.[0-9]{1,24})?[eE]\\+?(2[89][0-9]|30[0-7])";

export function numberLanguage(bounds: NumberBounds, store: RegexStore): Regex {
  const { integer, minimum, maximum, multiples, fractional = false } = bounds;
  if (minimum === undefined && maximum === undefined && multiples.length === 0 && !fractional) {
    return wholeMatches(integer ? INTEGER : NUMBER, store);
  }
  const divisors = multiples.map(decimalOf);
  const divided = divisors.map(({ digits, places }) => store.multiple({ divisor: Number(digits), places, rest: 0 }));
  const shape = shapeOf(integer, divisors, store);
  const broken = fractional ? [wholeMatches(`${WHOLE}\\.[0-9]*[1-9][0-9]*`, store)] : [];
  const magnitude = (parts: readonly Regex[]) => store.and([shape, ...divided, ...broken, ...parts]);
  const positive: Regex[] = [];
  if (minimum !== undefined && minimum.value >= 0) positive.push(above(minimum, store));
  if (maximum !== undefined) positive.push(maximum.value < 0 ? store.nothing : below(maximum, store));
  // Zero is written without a sign.
  const negative = [above({ value: 0, exclusive: true }, store)];
  if (maximum !== undefined && maximum.value <= 0) negative.push(above(mirrored(maximum), store));
  if (minimum !== undefined) negative.push(minimum.value >= 0 ? store.nothing : below(mirrored(minimum), store));
  return store.or([magnitude(positive), store.join(store.text("-"), magnitude(negative))]);
}

/** The digits of a multiple are counted off with those of its divisor, so there are fewer of them. */
function shapeOf(integer: boolean, divisors: readonly { readonly places: number }[], store: RegexStore): Regex {
  const whole = divisors.length === 0 ? WHOLE : "(0|[1-9][0-9]{0,14})";
  const places = Math.min(24, ...divisors.map((divisor) => Math.max(1, divisor.places)));
  return wholeMatches(integer ? whole : `${whole}(\\.[0-9]{1,${places}})?`, store);
}

const mirrored = ({ value, exclusive }: Bound): Bound => ({ value: -value, exclusive });

/** A number's shortest decimal: digits · 10^−places, without zeros at the end of its fraction. */
export function decimalOf(value: number): { readonly digits: bigint; readonly places: number } {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 };
}

function partsOf(value: number): { readonly whole: string; readonly fraction: string } {
  const { digits, places } = decimalOf(value);
  const text = digits.toString().padStart(places + 1, "0");
  return { whole: text.slice(0, text.length - places), fraction: text.slice(text.length - places) };
}

/** Decimals from a bound on, which is not negative. */
function above({ value, exclusive }: Bound, store: RegexStore): Regex {
  const { whole, fraction } = partsOf(value);
  const language = new Decimals(store);
  const larger = store.join(language.compared(whole, 1), language.anyFraction);
  const more = store.or(
    fractionsFrom(fraction).map((at) =>
      store.sequence([store.text(fraction.slice(0, at)), language.digits(Number(fraction[at]) + 1, 9), language.any]),
    ),
  );
  const positive = store.sequence([language.any, language.digits(1, 9), language.any]);
  const same = store.join(store.text(fraction), exclusive ? positive : language.any);
  const point = store.join(store.text("."), store.or([more, same]));
  const isWhole = fraction === "" && !exclusive;
  return store.or([larger, store.join(store.text(whole), isWhole ? language.anyFraction : point)]);
}

/** Decimals up to a bound, which is not negative. */
function below({ value, exclusive }: Bound, store: RegexStore): Regex {
  const { whole, fraction } = partsOf(value);
  const language = new Decimals(store);
  const smaller = store.join(language.compared(whole, -1), language.anyFraction);
  const less = fractionsFrom(fraction).flatMap((at) => {
    const start = store.text(fraction.slice(0, at));
    const shorter = store.sequence([start, language.digits(0, Number(fraction[at]) - 1), language.any]);
    // A beginning of the fraction is less than all of it.
    return at === 0 ? [shorter] : [shorter, start];
  });
  const zeros = store.repeat(store.text("0"), 0, Number.POSITIVE_INFINITY);
  const same = exclusive ? [] : [store.join(store.text(fraction), zeros)];
  const point = store.join(store.text("."), store.or([...less, ...same]));
  const none = fraction === "" && exclusive ? store.nothing : store.empty;
  return store.or([smaller, store.join(store.text(whole), store.or([none, point]))]);
}

const fractionsFrom = (fraction: string) => Array.from(fraction, (_, at) => at);

class Decimals {
  readonly #store: RegexStore;
  readonly any: Regex;
  readonly anyFraction: Regex;

  constructor(store: RegexStore) {
    this.#store = store;
    this.any = store.repeat(this.digits(0, 9), 0, Number.POSITIVE_INFINITY);
    this.anyFraction = store.or([store.empty, store.join(store.text("."), this.any)]);
  }

  digits(from: number, to: number): Regex {
    return from > to ? this.#store.nothing : this.#store.set(normalised([0x30 + from, 0x30 + to]));
  }

  /** Whole numbers without zeros in front that are more (`sign` 1) or less (−1) than `whole`. */
  compared(whole: string, sign: 1 | -1): Regex {
    const store = this.#store;
    const options = Array.from(whole, (text, at) => {
      const digit = Number(text);
      const other =
        sign === 1 ? this.digits(digit + 1, 9) : this.digits(at === 0 && whole.length > 1 ? 1 : 0, digit - 1);
      return store.sequence([store.text(whole.slice(0, at)), other, this.#exactly(whole.length - at - 1)]);
    });
    const first = this.digits(1, 9);
    const longer = store.sequence([first, this.#exactly(whole.length), this.any]);
    const shorter = Array.from({ length: whole.length - 1 }, (_, rest) => store.join(first, this.#exactly(rest)));
    const others = sign === 1 ? [longer] : whole.length > 1 ? [store.text("0"), ...shorter] : [];
    return store.or([...options, ...others]);
  }

  #exactly(count: number): Regex {
    return this.#store.repeat(this.digits(0, 9), count, count);
  }
}
