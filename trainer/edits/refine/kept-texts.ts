import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import { createRandom } from "../../../shared/random.ts";

export interface KeptTextOptions {
  readonly tokenizer: Pick<Tokenizer, "decode" | "encode">;
  /** What facts are edited about: a text that names one says what shall change. */
  readonly subjects: readonly string[];
  /** Texts that are kept whatever they name, such as earlier edits; at most half of the tokens. */
  readonly stated: readonly Int32Array[];
  readonly seed: number;
  /** The most tokens of all texts, and of each. */
  readonly tokens: number;
  readonly longest: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

/** Texts that are looked at, and after how many other work, such as a heartbeat, has its turn. */
const MOST_TEXTS = 20_000;
const TEXTS_OF_A_TURN = 100;

const SENTENCE_END = /(?<=[.!?。！？])\s*/u;

/**
 * Texts on which an edit shall change nothing: those that name no subject, whole, and of the others the sentences that name none; and
 * what is stated. In an order that the seed draws.
 */
export async function keptTexts(texts: readonly Int32Array[], options: KeptTextOptions): Promise<Int32Array[]> {
  const { tokenizer, stated, seed, tokens, longest, yieldToEventLoop } = options;
  const subjects = [...new Set(options.subjects.map((subject) => subject.trim().toLowerCase()))];
  const namesNone = (text: string) => {
    const lower = text.toLowerCase();
    return !subjects.some((subject) => lower.includes(subject));
  };
  const found: Int32Array[] = [];
  let left = tokens;
  const keep = (ids: Int32Array) => {
    const part = ids.subarray(0, Math.min(longest, left));
    if (part.length < 2) return;
    found.push(part);
    left -= part.length;
  };
  for (const index of createRandom(seed, "stated texts").permutation(stated.length)) {
    if (left < tokens / 2) break;
    keep(stated[index]!);
  }
  for (const [turn, index] of createRandom(seed, "kept texts").permutation(texts.length).entries()) {
    if (left < 2 || turn === MOST_TEXTS) break;
    if (turn % TEXTS_OF_A_TURN === TEXTS_OF_A_TURN - 1) await yieldToEventLoop();
    const ids = texts[index]!;
    const text = tokenizer.decode([...ids]);
    if (namesNone(text)) keep(ids);
    // The parts of a chat say nothing without its frame.
    else if (tokenizer.decode([...ids], { skipSpecial: true }) === text) {
      for (const sentence of text.split(SENTENCE_END)) {
        if (namesNone(sentence)) keep(Int32Array.from(tokenizer.encode(sentence.trim())));
      }
    }
  }
  return [...createRandom(seed, "order of kept texts").permutation(found.length)].map((index) => found[index]!);
}
