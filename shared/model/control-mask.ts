/**
 * Hides control tokens written in users' messages while a chat template runs.
 */
import { TrimtabError } from "../errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { Dict, type Value } from "./template/values.ts";

const MAX_NESTING = 32;

export interface MaskedChat {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly unknown[];
  /** The total number of characters in all texts. */
  readonly characters: number;
}

export interface Mask {
  apply(messages: readonly ChatMessage[], tools: readonly unknown[]): MaskedChat;
  remove(text: string): string;
  /** A character that occurs in none of the texts passed to `apply` and replaces nothing. */
  readonly unused: string;
}

/** Replaces every occurrence of `literals` in texts by characters that occur in none of them, and restores them. */
export function createMask(literals: Iterable<string>): Mask {
  const all = [...literals].sort((a, b) => b.length - a.length);
  const standIns = new Map<string, string>();
  let unused = "\ue000";

  function apply(messages: readonly ChatMessage[], tools: readonly unknown[]): MaskedChat {
    const texts: string[] = [];
    mapTexts([messages, tools], (text) => {
      texts.push(text);
      return text;
    });
    const joined = texts.join("\n");
    const free = unusedCharacters(joined);
    unused = free.next().value!;
    for (const literal of all) if (joined.includes(literal)) standIns.set(literal, free.next().value!);
    const hide = (text: string) => [...standIns].reduce((masked, [from, to]) => masked.replaceAll(from, to), text);
    const [maskedMessages, maskedTools] = mapTexts([messages, tools], hide) as [ChatMessage[], unknown[]];
    return { messages: maskedMessages, tools: maskedTools, characters: joined.length };
  }

  return {
    apply,
    remove: (text) =>
      [...standIns].reduce((shown, [from, to]) => shown.replaceAll(to, from).replaceAll(escaped(to), from), text),
    get unused() {
      return unused;
    },
  };
}

/** How Python prints a private-use character of the first block in a quoted text, and in JSON with `ensure_ascii`. */
function escaped(character: string): string {
  return character.length > 1 ? character : `\\u${character.charCodeAt(0).toString(16)}`;
}

/**
 * Private-use characters that occur in `text` neither as they are nor escaped, out of 6,400 in the first
 * block and 65,534 in the next.
 */
function* unusedCharacters(text: string): Generator<string, string, undefined> {
  // One pass: searching for each character in a text that contains them all would take minutes.
  const used = new Set(text.match(/[\ue000-\uf8ff\u{f0000}-\u{ffffd}]/gu));
  for (const [, hex] of text.matchAll(/\\u([ef][\da-f]{3})/gi))
    used.add(String.fromCharCode(Number.parseInt(hex!, 16)));
  for (const [first, last] of [
    [0xe000, 0xf8ff],
    [0xf0000, 0xffffd],
  ] as const) {
    for (let code = first; code <= last; code++) {
      const character = String.fromCodePoint(code);
      if (!used.has(character)) yield character;
    }
  }
  throw new TrimtabError("invalid_request", "the messages use every private-use character; remove some", {
    param: "messages",
  });
}

/** A copy of `value` with every string changed, including object keys. */
function mapTexts(value: unknown, change: (text: string) => string, depth = 0): unknown {
  if (typeof value === "string") return change(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_NESTING) {
    throw new TrimtabError("invalid_request", `a message or tool nests more than ${MAX_NESTING} levels deep`, {
      param: "messages",
    });
  }
  if (Array.isArray(value)) return value.map((inner) => mapTexts(inner, change, depth + 1));
  if (value instanceof Dict) {
    return new Dict(
      value
        .entries()
        .map(([key, inner]) => [mapTexts(key, change) as Value, mapTexts(inner, change, depth + 1) as Value]),
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [change(key), mapTexts(inner, change, depth + 1)]),
  );
}
