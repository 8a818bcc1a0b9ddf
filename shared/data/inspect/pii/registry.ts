/** Personal data and secrets in texts, by kind. What was found is never repeated whole. */
import { card } from "./card.ts";
import { email } from "./email.ts";
import { iban } from "./iban.ts";
import { ipAddress } from "./ip-address.ts";
import type { Hint, PiiKind } from "./kind.ts";
import { nationalId } from "./national-id.ts";
import { phone } from "./phone.ts";
import { secret } from "./secret.ts";

/** Where two kinds find one place, the first counts. */
export const PII_KINDS = {
  secret,
  email,
  iban,
  card,
  national_id: nationalId,
  ip_address: ipAddress,
  phone,
} as const satisfies Readonly<Record<string, PiiKind>>;

export type PiiKindName = keyof typeof PII_KINDS;
export const PII_KIND_NAMES = Object.keys(PII_KINDS) as PiiKindName[];

export interface PiiMatch {
  readonly kind: PiiKindName;
  /** Its first and last characters. */
  readonly shown: string;
  readonly start: number;
  readonly end: number;
}

/** Fewer digits than any kind that needs them has. */
const FEWEST_DIGITS = 4;
const SHORTEST_TOKEN = 8;
const CONTEXT = 32;
/** Characters that are searched of a text: what one text may take of the thread's time. */
const MOST_CHARACTERS = 100_000;
const MOST_MATCHES = 64;

/** What is found in the first 100,000 characters of a text, at most 64 places. */
export function findPii(whole: string): PiiMatch[] {
  const text = whole.slice(0, MOST_CHARACTERS);
  const hints = hintsOf(text);
  const found: PiiMatch[] = [];
  for (const kind of PII_KIND_NAMES) {
    const { needs, pattern, accepts }: PiiKind = PII_KINDS[kind];
    if (!hints[needs]) continue;
    for (const { 0: value, index: start } of text.matchAll(pattern)) {
      const before = text.slice(Math.max(0, start - CONTEXT), start);
      const length = accepts(value, { before });
      const end = start + length;
      if (length === 0 || found.some((other) => start < other.end && other.start < end)) continue;
      found.push({ kind, shown: masked(value.slice(0, length)), start, end });
      if (found.length === MOST_MATCHES) return found;
    }
  }
  return found;
}

/** Reads the text once: most have none of the hints, and searching for them is what takes time. */
function hintsOf(text: string): Readonly<Record<Hint, boolean>> {
  let [at, dashes, token, digits] = [false, false, false, 0];
  let [run, letters, figures] = [0, 0, 0];
  for (let k = 0; k < text.length; k++) {
    const unit = text.charCodeAt(k);
    if (unit <= 32) {
      token ||= run >= SHORTEST_TOKEN && letters > 0 && figures > 0;
      [run, letters, figures] = [0, 0, 0];
      continue;
    }
    run += 1;
    if (unit >= 48 && unit <= 57) {
      digits += 1;
      figures += 1;
    } else if (unit === 64) at = true;
    else if (unit === 45) dashes ||= text.startsWith("-----BEGIN", k);
    // Groups of an address may have letters alone.
    else if (unit === 58) digits += 1;
    else if (unit >= 65) letters += 1;
  }
  token ||= run >= SHORTEST_TOKEN && letters > 0 && figures > 0;
  return { at, digits: digits >= FEWEST_DIGITS, token: token || dashes || at };
}

/** Two characters at each end of a long value, one at the beginning of a short one. */
export function masked(value: string): string {
  const chars = Array.from(value);
  if (chars.length < 12) return `${chars[0]}…`;
  return `${chars.slice(0, 2).join("")}…${chars.slice(-2).join("")}`;
}
