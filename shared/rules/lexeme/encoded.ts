/**
 * Reads a text of an automaton over code points as bytes: as it stands, in UTF-8, or as a JSON string with its quotes, in which
 * every code point may also be an escape. Half-read characters remember only where their possible ends lead, so that states
 * stay few.
 */
import { type Automaton, step as arcAt } from "../regex/automaton.ts";
import { DEAD, type Lexeme } from "./lexeme.ts";

/** `utf8`: the text itself. `json`: between quotes, with JSON's escapes. */
export type Encoding = "utf8" | "json";

/** lo, hi, next state; … of what can still become of a half-read character, as offsets from the lowest. */
type Ends = readonly number[];

type Place =
  /** Before the opening quote, and after the closing one. */
  | { readonly kind: "before" | "after" }
  /** Between two characters. */
  | { readonly kind: "at"; readonly state: number }
  /** Inside UTF-8: `left` more bytes of 6 bits. */
  | { readonly kind: "utf8"; readonly left: number; readonly ends: Ends }
  /** After a backslash. */
  | { readonly kind: "escape"; readonly state: number }
  /** After `\u` and `digits` hexadecimal digits worth `value`, which a high surrogate may begin with. */
  | { readonly kind: "hex"; readonly state: number; readonly digits: number; readonly value: number }
  /** The same where no surrogate is possible: `left` more digits. */
  | { readonly kind: "digits"; readonly left: number; readonly ends: Ends }
  /** After a high surrogate: its low one is read up to `read` of the six characters of `\uDC00`. */
  | { readonly kind: "low"; readonly read: number; readonly ends: Ends };

const [QUOTE, BACKSLASH, U] = [0x22, 0x5c, 0x75];
const SHORT: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': 0x22, "\\": 0x5c, "/": 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 }).map(([letter, code]) => [
    letter.charCodeAt(0),
    code,
  ]),
);
const LAST = 0x10ffff;

export function encodedLexeme(id: number, automaton: Automaton, encoding: Encoding): Lexeme {
  const places: Place[] = [];
  const known = new Map<string, number>();
  const tables: Int32Array[] = [];
  /** Asked for every node of the vocabulary's tree, so it is kept. */
  const accepting: boolean[] = [];
  const UNKNOWN = -2;

  function intern(place: Place): number {
    const key = keyOf(place);
    const found = known.get(key);
    if (found !== undefined) return found;
    known.set(key, places.length);
    places.push(place);
    accepting.push(
      encoding === "json" ? place.kind === "after" : place.kind === "at" && automaton.accepts(place.state),
    );
    tables.push(new Int32Array(256).fill(UNKNOWN));
    return places.length - 1;
  }

  const at = (state: number) => (state === DEAD ? DEAD : intern({ kind: "at", state }));

  function find(place: Place, byte: number): number {
    switch (place.kind) {
      case "before":
        return byte === QUOTE ? at(automaton.start) : DEAD;
      case "after":
        return DEAD;
      case "at":
        return between(place.state, byte);
      case "utf8": {
        if ((byte & 0xc0) !== 0x80) return DEAD;
        const size = 64 ** (place.left - 1);
        const ends = part(place.ends, (byte & 63) * size, size);
        return endsOf("utf8", place.left - 1, ends);
      }
      case "escape": {
        if (byte === U) return intern({ kind: "hex", state: place.state, digits: 0, value: 0 });
        const code = SHORT.get(byte);
        return code === undefined ? DEAD : at(arcAt(automaton.arcs(place.state), code));
      }
      case "hex":
        return hexDigit(place, byte);
      case "digits": {
        const size = 16 ** (place.left - 1);
        const digit = hexValue(byte);
        const ends = digit < 0 ? [] : part(place.ends, digit * size, size);
        return endsOf("digits", place.left - 1, ends);
      }
      case "low":
        return lowSurrogate(place, byte);
    }
  }

  /** Inside a character of which `left` parts are left, or behind it. */
  function endsOf(kind: "utf8" | "digits", left: number, ends: Ends): number {
    if (ends.length === 0) return DEAD;
    return left === 0 ? at(ends[2]!) : intern({ kind, left, ends });
  }

  function between(state: number, byte: number): number {
    const arcs = automaton.arcs(state);
    if (encoding === "json") {
      if (byte === QUOTE) return automaton.accepts(state) ? intern({ kind: "after" }) : DEAD;
      if (byte < 0x20) return DEAD;
      if (byte === BACKSLASH) return arcs.length > 0 ? intern({ kind: "escape", state }) : DEAD;
    }
    if (byte < 0x80) return at(arcAt(arcs, byte));
    const left = byte < 0xc2 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : byte < 0xf5 ? 3 : 0;
    if (left === 0) return DEAD;
    const size = 64 ** left;
    const base = (byte & (0x3f >> left)) * size;
    // Shorter forms of the same character are not UTF-8.
    const least = [0, 0x80, 0x800, 0x10000][left]!;
    const ends = part(arcs, base, size, Math.max(base, least));
    return endsOf("utf8", left, ends);
  }

  function hexDigit({ state, digits, value }: Extract<Place, { kind: "hex" }>, byte: number): number {
    const digit = hexValue(byte);
    if (digit < 0) return DEAD;
    const now = value * 16 + digit;
    const arcs = automaton.arcs(state);
    const size = 16 ** (3 - digits);
    const [low, high] = [Math.max(now * size, 0xd800), Math.min((now + 1) * size - 1, 0xdbff)];
    // Surrogates are no code points, so no arc has them.
    const ends = part(arcs, now * size, size);
    const pairs = low > high ? [] : part(arcs, pairsOf(low), (high - low + 1) * 0x400);
    if (pairs.length === 0) return endsOf("digits", 3 - digits, ends);
    return intern(
      digits === 3 ? { kind: "low", read: 0, ends: pairs } : { kind: "hex", state, digits: digits + 1, value: now },
    );
  }

  function lowSurrogate({ read, ends }: Extract<Place, { kind: "low" }>, byte: number): number {
    if (read <= 1) return byte === (read === 0 ? BACKSLASH : U) ? intern({ kind: "low", read: read + 1, ends }) : DEAD;
    const digit = hexValue(byte);
    if (read === 2) return digit === 0xd ? intern({ kind: "low", read: 3, ends }) : DEAD;
    // Low surrogates are DC00 to DFFF, 4 times 256 of them.
    const index = read === 3 ? digit - 0xc : digit;
    const size = 16 ** (5 - read);
    const left = index < 0 ? [] : part(ends, index * size, size);
    if (left.length === 0) return DEAD;
    return read === 5 ? at(left[2]!) : intern({ kind: "low", read: read + 1, ends: left });
  }

  const start = encoding === "json" ? intern({ kind: "before" }) : at(automaton.start);
  return {
    id,
    start,
    step(state, byte) {
      const table = tables[state]!;
      const next = table[byte]!;
      if (next !== UNKNOWN) return next;
      const found = find(places[state]!, byte);
      table[byte] = found;
      return found;
    },
    accepts: (state) => accepting[state]!,
    continues(state) {
      const place = places[state]!;
      if (place.kind === "after") return false;
      return encoding === "json" || place.kind !== "at" || automaton.arcs(place.state).length > 0;
    },
    alike(state, horizon) {
      const place = places[state]!;
      return place.kind === "at" ? at(automaton.alike(place.state, horizon)) : state;
    },
  };
}

/** The arcs from `base` on for `size` code points, none below `least`, as offsets from `base`. Neighbours are joined. */
function part(arcs: ArrayLike<number>, base: number, size: number, least = base): number[] {
  const kept: number[] = [];
  const end = Math.min(base + size - 1, LAST);
  for (let i = 0; i < arcs.length; i += 3) {
    const lo = Math.max(arcs[i]!, least);
    const hi = Math.min(arcs[i + 1]!, end);
    if (lo <= hi) kept.push(lo - base, hi - base, arcs[i + 2]!);
  }
  return kept;
}

/** The first code point of those that begin with a high surrogate. */
const pairsOf = (high: number) => 0x10000 + (high - 0xd800) * 0x400;

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

function keyOf(place: Place): string {
  switch (place.kind) {
    case "before":
    case "after":
      return place.kind;
    case "at":
    case "escape":
      return `${place.kind}${place.state}`;
    case "utf8":
    case "digits":
      return `${place.kind}${place.left}:${place.ends.join()}`;
    case "hex":
      return `h${place.state},${place.digits},${place.value}`;
    case "low":
      return `l${place.read}:${place.ends.join()}`;
  }
}
