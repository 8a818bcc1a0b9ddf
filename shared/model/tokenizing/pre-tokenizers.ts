/** The pre-tokenizers of a `tokenizer.json`: how a text is cut into the pieces that the model encodes one by one. */
import { z } from "zod";
import { byteCharacters } from "../byte-level.ts";
import { type Part, readPart, requireType, unusable } from "./part.ts";
import { compilePattern, patternSchema, SPACE, WORD } from "./pattern.ts";
import { type Piece, SPLIT_BEHAVIORS, type SplitOptions, splitPiece } from "./split.ts";

export type PreTokenizer = (pieces: readonly Piece[]) => readonly Piece[];

/** Throws `invalid_model` for a type or a field that is not supported. */
export function createPreTokenizer(part: Part | null): PreTokenizer {
  return part === null ? (pieces) => pieces : requireType("pre_tokenizer", part, PRE_TOKENIZERS)(part);
}

const PRE_TOKENIZERS: Readonly<Record<string, (part: Part) => PreTokenizer>> = {
  Sequence(part) {
    const { pretokenizers } = read(part, z.object({ pretokenizers: z.array(anyPart) }));
    const all = pretokenizers.map(createPreTokenizer);
    return (pieces) => all.reduce((cut, preTokenize) => preTokenize(cut), pieces);
  },
  /** UTF-8 bytes, each written as a printable character. */
  ByteLevel(part) {
    const { add_prefix_space, use_regex } = read(part, byteLevelSchema);
    return (pieces) => {
      const spaced = add_prefix_space ? pieces.map((piece) => prefixed(piece, " ")) : pieces;
      const cut = use_regex ? spaced.flatMap((piece) => splitPiece(piece, GPT2_SPLIT, ISOLATED)) : spaced;
      return cut.map(({ text, place }) => ({ text: byteCharacters(text), place }));
    };
  },
  /** Spaces become ▁, and a ▁ marks the first word: of every piece, of the text, or of none. */
  Metaspace(part) {
    const { replacement, scheme, split } = read(part, metaspaceSchema);
    const cuts = new RegExp(compilePattern({ String: replacement }), "gu");
    return (pieces) => {
      const marked = pieces.map((piece) => {
        const spaced = { ...piece, text: piece.text.replaceAll(" ", () => replacement) };
        const marks = scheme === "always" || (scheme === "first" && piece.place === "start");
        return marks ? prefixed(spaced, replacement) : spaced;
      });
      return split ? marked.flatMap((piece) => splitPiece(piece, cuts, { behavior: "MergedWithNext" })) : marked;
    };
  },
  Split(part) {
    const { pattern, behavior, invert } = read(part, splitSchema);
    return cutting(compilePattern(pattern), { behavior, invert });
  },
  Punctuation(part) {
    const { behavior } = read(part, z.object({ behavior: z.enum(SPLIT_BEHAVIORS).default("Isolated") }));
    return cutting(PUNCTUATION, { behavior });
  },
  Digits(part) {
    const { individual_digits } = read(part, z.object({ individual_digits: z.boolean().default(false) }));
    return cutting(/\p{N}/gu, { behavior: individual_digits ? "Isolated" : "Contiguous" });
  },
  Whitespace: () => cutting(new RegExp(`[${WORD}]+|[^${WORD}${SPACE}]+`, "gu"), { behavior: "Removed", invert: true }),
  WhitespaceSplit: () => cutting(ANY_SPACE, { behavior: "Removed" }),
  BertPreTokenizer() {
    return (pieces) =>
      pieces
        .flatMap((piece) => splitPiece(piece, ANY_SPACE, { behavior: "Removed" }))
        .flatMap((piece) => splitPiece(piece, PUNCTUATION, ISOLATED));
  },
  CharDelimiterSplit(part) {
    const { delimiter } = read(part, z.object({ delimiter: z.string().min(1) }));
    return cutting(compilePattern({ String: delimiter }), { behavior: "Removed" });
  },
  FixedLength(part) {
    const { length } = read(part, z.object({ length: z.int().min(1).max(10_000) }));
    return cutting(new RegExp(`[\\s\\S]{1,${length}}`, "gu"), ISOLATED);
  },
};

const anyPart = z.looseObject({ type: z.string() });
const splitSchema = z.object({
  pattern: patternSchema,
  behavior: z.enum(SPLIT_BEHAVIORS),
  invert: z.boolean().default(false),
});
const byteLevelSchema = z.object({
  add_prefix_space: z.boolean().default(true),
  use_regex: z.boolean().default(true),
});

/** Older files have `add_prefix_space` instead of `prepend_scheme`. */
const metaspaceSchema = z
  .object({
    replacement: z.string().min(1).default("▁"),
    prepend_scheme: z.enum(["always", "first", "never"]).optional(),
    add_prefix_space: z.boolean().default(true),
    split: z.boolean().default(true),
  })
  .transform(({ replacement, prepend_scheme, add_prefix_space, split }) => {
    if (!add_prefix_space && prepend_scheme !== undefined && prepend_scheme !== "never") {
      throw unusable(`its Metaspace has add_prefix_space: false and prepend_scheme: "${prepend_scheme}"; remove one`);
    }
    return { replacement, split, scheme: prepend_scheme ?? (add_prefix_space ? "always" : "never") };
  });

const ISOLATED: SplitOptions = { behavior: "Isolated" };
const ANY_SPACE = new RegExp(`[${SPACE}]`, "gu");
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const GPT2_SPLIT = new RegExp(
  `'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`,
  "gu",
);

function read<Out>(part: Part, schema: z.ZodType<Out>): Out {
  return readPart("pre_tokenizer", part, schema);
}

function cutting(pattern: RegExp, options: SplitOptions): PreTokenizer {
  return (pieces) => pieces.flatMap((piece) => splitPiece(piece, pattern, options));
}

/** Puts a mark before a piece that lacks it, unless the piece continues a word. */
function prefixed(piece: Piece, mark: string): Piece {
  return piece.place === "middle" || piece.text.startsWith(mark) ? piece : { ...piece, text: mark + piece.text };
}
