/**
 * `corpus.jsonl`, an optional file of a base model's folder: a sample of the texts that it was trained on, one `{"text"}` a line.
 * Edits take the statistics of the base's keys from it.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { parseJsonl } from "../formats/jsonl.ts";
import { wordIssue } from "../issue-words.ts";

export const CORPUS_FILE = "corpus.jsonl";
/** Bytes of the file. */
export const CORPUS_BYTES = 4 << 20;

const CorpusLine = z.strictObject({ text: z.string().min(1) });

/** The texts of the file. Throws `invalid_model` with the line and what to change; the caller says which file it is. */
export function parseCorpus(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  try {
    for (const { number, value } of parseJsonl(bytes, { name: "the file" })) {
      const parsed = CorpusLine.safeParse(value);
      if (!parsed.success) {
        const { field, problem } = wordIssue(parsed.error, value);
        throw new TrimtabError("invalid_model", `line ${number}: ${field === "" ? "the line" : field} ${problem}`);
      }
      texts.push(parsed.data.text);
    }
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.code === "invalid_model") throw error;
    throw new TrimtabError("invalid_model", error.message, { cause: error });
  }
  return texts;
}

/** The file of these texts. */
export function corpusText(texts: readonly string[]): string {
  return texts.map((text) => `${JSON.stringify({ text })}\n`).join("");
}
