/** The decoders of a `tokenizer.json`: from the tokens of a text to the text, in steps. */
import { z } from "zod";
import { bytesOfCharacters } from "../byte-level.ts";
import { byteOfToken } from "./model.ts";
import { type Part, readPart, requireType } from "./part.ts";
import { compilePattern, patternSchema } from "./pattern.ts";

/** One step: returns the tokens after this step. The text is the joined tokens after the last step. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

/** Throws `invalid_model` for a type or a field that is not supported. Without a decoder, tokens are joined with spaces. */
export function createDecoder(part: Part | null): Decoder {
  return part === null ? (tokens) => [tokens.join(" ")] : requireType("decoder", part, DECODERS)(part);
}

/** Whether a token's bytes do not depend on its neighbours, because the decoder only maps characters to bytes. */
export function isByteLevelDecoder(part: Part | null): boolean {
  if (part?.type !== "Sequence") return part?.type === "ByteLevel";
  const types = (part.decoders as Part[]).map(({ type }) => type).filter((type) => type !== "Fuse");
  return types.length === 1 && types[0] === "ByteLevel";
}

/** Whether tokens such as <0x0A> represent bytes. */
export function hasByteFallback(part: Part | null): boolean {
  return (
    part?.type === "ByteFallback" || (part?.type === "Sequence" && (part.decoders as Part[]).some(hasByteFallback))
  );
}

const DECODERS: Readonly<Record<string, (part: Part) => Decoder>> = {
  Sequence(part) {
    const { decoders } = read(part, z.object({ decoders: z.array(anyPart) }));
    const all = decoders.map(createDecoder);
    return (tokens) => all.reduce((changed, decode) => decode(changed), tokens);
  },
  ByteLevel: () => (tokens) => {
    const bytes = tokens.flatMap((token) => [...bytesOfCharacters(token)]);
    return [lossyText(Uint8Array.from(bytes))];
  },
  /** Each ▁ is a space, but those of the first token are not part of the text. */
  Metaspace(part) {
    const { replacement, keepsFirst } = read(part, metaspaceSchema);
    return (tokens) =>
      tokens.map((token, index) => token.replaceAll(replacement, index === 0 && !keepsFirst ? "" : " "));
  },
  /** Byte tokens such as <0x0A> become text; a run that is not UTF-8 becomes one U+FFFD per byte. */
  ByteFallback: () => (tokens) => {
    const decoded: string[] = [];
    let run: number[] = [];
    const endRun = () => {
      if (run.length > 0) decoded.push(strictText(Uint8Array.from(run)) ?? "\ufffd".repeat(run.length));
      run = [];
    };
    for (const token of tokens) {
      const byte = byteOfToken(token);
      if (byte !== undefined) {
        run.push(byte);
        continue;
      }
      endRun();
      decoded.push(token);
    }
    endRun();
    return decoded;
  },
  Fuse: () => (tokens) => [tokens.join("")],
  Replace(part) {
    const { pattern, content } = read(part, z.object({ pattern: patternSchema, content: z.string() }));
    const expression = compilePattern(pattern);
    return (tokens) => tokens.map((token) => token.replace(expression, () => content));
  },
  Strip(part) {
    const { content, start, stop } = read(part, stripSchema);
    return (tokens) =>
      tokens.map((token) => {
        const characters = Array.from(token);
        let first = 0;
        let last = characters.length;
        while (first < start && first < characters.length && characters[first] === content) first++;
        while (characters.length - last < stop && last > 0 && characters[last - 1] === content) last--;
        return characters.slice(first, Math.max(first, last)).join("");
      });
  },
  WordPiece(part) {
    const { prefix, cleanup } = read(part, wordPieceSchema);
    return (tokens) =>
      tokens.map((token, index) => {
        const spaced = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
        return cleanup ? cleanUp(spaced) : spaced;
      });
  },
  BPEDecoder(part) {
    const { suffix } = read(part, z.object({ suffix: z.string().min(1).default("</w>") }));
    return (tokens) => tokens.map((token, index) => token.replaceAll(suffix, index === tokens.length - 1 ? "" : " "));
  },
};

const anyPart = z.looseObject({ type: z.string() });
const metaspaceSchema = z
  .object({
    replacement: z.string().min(1).default("▁"),
    prepend_scheme: z.enum(["always", "first", "never"]).optional(),
    add_prefix_space: z.boolean().default(true),
  })
  .transform(({ replacement, prepend_scheme, add_prefix_space }) => ({
    replacement,
    keepsFirst: (prepend_scheme ?? (add_prefix_space ? "always" : "never")) === "never",
  }));
const stripSchema = z.object({ content: z.string(), start: z.int().min(0), stop: z.int().min(0) });
const wordPieceSchema = z.object({ prefix: z.string().default("##"), cleanup: z.boolean().default(true) });

function read<Out>(part: Part, schema: z.ZodType<Out>): Out {
  return readPart("decoder", part, schema);
}

/** Removes the spaces that splitting at punctuation puts into English text. */
function cleanUp(text: string): string {
  return CLEAN_UPS.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);
}

const CLEAN_UPS = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

function lossyText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(bytes);
}

function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
