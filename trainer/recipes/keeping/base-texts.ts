/** The texts of a base's folder: those it was trained on, and those that its probes hold out. */
import { CORPUS_BYTES, CORPUS_FILE, parseCorpus } from "../../../shared/evaluation/corpus.ts";
import {
  type EvaluationProbes,
  NO_PROBES,
  PROBES_BYTES,
  PROBES_FILE,
  parseProbes,
} from "../../../shared/evaluation/probes.ts";
import type { ModelFiles } from "../../../shared/model/model-folder.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";

/** Texts at the corpus' end that measure what is kept where the base has no probes with texts, so no run learns them. */
const HELD_OUT = 64;

export interface BaseTexts {
  /** To learn again, and to measure weights on; undefined for a base without a corpus. */
  readonly corpus: readonly string[] | undefined;
  /** Not among those; empty where the base has neither probes nor a corpus. */
  readonly heldOut: readonly string[];
  readonly facts: EvaluationProbes["facts"];
}

/** Reads the optional files of a base. A file that cannot be read counts as missing: the server has checked them when the base came. */
export function baseTexts(files: ModelFiles): BaseTexts {
  const corpus = read(files, { name: CORPUS_FILE, most: CORPUS_BYTES }, parseCorpus);
  const { texts, facts } = read(files, { name: PROBES_FILE, most: PROBES_BYTES }, parseProbes) ?? NO_PROBES;
  if (texts.length > 0 || corpus === undefined) return { corpus, heldOut: texts, facts };
  // A corpus too small to leave any for learning is all for learning.
  const kept = Math.min(HELD_OUT, Math.floor(corpus.length / 10));
  return { corpus: corpus.slice(0, corpus.length - kept), heldOut: corpus.slice(corpus.length - kept), facts };
}

/** The ids of a base's own text, whose control tokens are meant, cut to a limit. */
export function baseTextIds(tokenizer: Tokenizer, text: string, limit: number): Int32Array {
  return Int32Array.from(tokenizer.encodeTrusted(text)).subarray(0, limit);
}

function read<T>(
  files: ModelFiles,
  { name, most }: { readonly name: string; readonly most: number },
  parse: (bytes: Uint8Array) => T,
): T | undefined {
  const file = files.get(name);
  if (file === undefined || file.byteLength > most) return undefined;
  try {
    return parse(file.subarray(0, file.byteLength));
  } catch {
    return undefined;
  }
}
