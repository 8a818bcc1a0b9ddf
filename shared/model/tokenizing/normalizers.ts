/** The normalizers of a `tokenizer.json`: the steps that change a text before it is split. */
import { z } from "zod";
import { byteCharacters } from "../byte-level.ts";
import { createCharsmap } from "./charsmap.ts";
import { type Part, readPart, requireType } from "./part.ts";
import { compilePattern, patternSchema, SPACE } from "./pattern.ts";
import type { Place } from "./split.ts";

export type Normalizer = (text: string, place: Place) => string;

/** Throws `invalid_model` for a type or a field that is not supported. */
export function createNormalizer(part: Part | null): Normalizer {
  return part === null ? (text) => text : requireType("normalizer", part, NORMALIZERS)(part);
}

const NORMALIZERS: Readonly<Record<string, (part: Part) => Normalizer>> = {
  Sequence(part) {
    const { normalizers } = read(part, z.object({ normalizers: z.array(anyPart) }));
    const all = normalizers.map(createNormalizer);
    return (text, place) => all.reduce((changed, normalize) => normalize(changed, place), text);
  },
  /** Marks the beginning of a word, so text that continues a word is left alone. */
  Prepend(part) {
    const { prepend } = read(part, z.object({ prepend: z.string() }));
    return (text, place) => (text === "" || place === "middle" ? text : prepend + text);
  },
  Replace(part) {
    const { pattern, content } = read(part, z.object({ pattern: patternSchema, content: z.string() }));
    const expression = compilePattern(pattern);
    return (text) => text.replace(expression, () => content);
  },
  NFC: () => (text) => text.normalize("NFC"),
  NFD: () => (text) => text.normalize("NFD"),
  NFKC: () => (text) => text.normalize("NFKC"),
  NFKD: () => (text) => text.normalize("NFKD"),
  Lowercase: () => lowercase,
  StripAccents: () => (text) => text.replace(/\p{M}/gu, ""),
  Strip(part) {
    const { strip_left, strip_right } = read(part, z.object({ strip_left: z.boolean(), strip_right: z.boolean() }));
    return (text, place) => {
      const left = strip_left && place !== "middle" ? text.replace(LEADING, "") : text;
      return strip_right ? trimEnd(left) : left;
    };
  },
  /** SentencePiece's NMT rules: removes some control characters and turns all white space into spaces. */
  Nmt: () => (text) => text.replace(NMT_DROPPED, "").replace(NMT_SPACE, " "),
  Precompiled(part) {
    const { precompiled_charsmap } = read(part, z.object({ precompiled_charsmap: z.string().nullish() }));
    return precompiled_charsmap ? createCharsmap(precompiled_charsmap) : (text) => text;
  },
  ByteLevel: () => byteCharacters,
  BertNormalizer(part) {
    const options = read(part, bertSchema);
    const stripAccents = options.strip_accents ?? options.lowercase;
    return (text) => {
      const clean = options.clean_text ? text.replace(BERT_DROPPED, "").replace(ANY_SPACE, " ") : text;
      const spaced = options.handle_chinese_chars ? clean.replace(CHINESE, " $& ") : clean;
      const bare = stripAccents ? spaced.normalize("NFD").replace(/\p{Mn}/gu, "") : spaced;
      return options.lowercase ? lowercase(bare) : bare;
    };
  },
};

const anyPart = z.looseObject({ type: z.string() });
const bertSchema = z.object({
  clean_text: z.boolean().default(true),
  handle_chinese_chars: z.boolean().default(true),
  strip_accents: z.boolean().nullable().default(null),
  lowercase: z.boolean().default(true),
});

const LEADING = new RegExp(`^[${SPACE}]+`, "u");
const ANY_SPACE = new RegExp(`[${SPACE}]`, "gu");
const IS_SPACE = new RegExp(`[${SPACE}]`, "u");
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that the rules drop
const NMT_DROPPED = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g;
const NMT_SPACE = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;
const BERT_DROPPED = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu;
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

function read<Out>(part: Part, schema: z.ZodType<Out>): Out {
  return readPart("normalizer", part, schema);
}

/** Character by character: the whole text would turn a final Σ into ς, which the Rust library does not. */
function lowercase(text: string): string {
  return text.replace(/[\p{Lu}\p{Lt}\p{Changes_When_Lowercased}]/gu, (character) => character.toLowerCase());
}

/** A loop, since `\s+$` takes quadratic time on a text full of spaces. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && IS_SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}
