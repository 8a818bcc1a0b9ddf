/** A file of examples with copies planted in it, whose similarity is known. */
import { createRandom } from "../../../shared/random.ts";

export interface PlantedPair {
  /** Numbers of lines; the later one was made of the earlier one. */
  readonly earlier: number;
  readonly later: number;
  /** The exact Jaccard similarity of their runs of three words. */
  readonly similarity: number;
}

export interface PlantedFile {
  readonly lines: readonly object[];
  readonly texts: readonly string[];
  readonly pairs: readonly PlantedPair[];
}

const COPIES = 0.1;
const WORDS = 20_000;

/** Lines of 20 to 180 words, of which a tenth repeat an earlier one with up to an eighth of its words changed. */
export function plantedFile(count: number, seed = 1): PlantedFile {
  const random = createRandom(seed, "planted");
  // Words as common as in a language: the tenth has a tenth of the first one's share.
  const word = () => `w${Math.floor(WORDS ** random.float()).toString(36)}`;
  const texts: string[] = [];
  const pairs: PlantedPair[] = [];
  for (let at = 0; at < count; at++) {
    if (at > 0 && random.float() < COPIES) {
      const of = random.below(at);
      const words = texts[of]!.split(" ");
      for (let changes = random.below(1 + (words.length >> 3)); changes > 0; changes--) {
        words[random.below(words.length)] = word();
      }
      texts.push(words.join(" "));
      pairs.push({ earlier: of + 1, later: at + 1, similarity: similarityOf(texts[of]!, texts[at]!) });
    } else texts.push(Array.from({ length: 20 + random.below(160) }, word).join(" "));
  }
  const lines = texts.map((text) => {
    const words = text.split(" ");
    const asked = words.slice(0, words.length >> 2).join(" ");
    const reply = words.slice(words.length >> 2).join(" ");
    return {
      messages: [
        { role: "user", content: asked },
        { role: "assistant", content: reply },
      ],
    };
  });
  return { lines, texts, pairs };
}

export function similarityOf(a: string, b: string): number {
  const [left, right] = [runsOf(a), runsOf(b)];
  let both = 0;
  for (const run of left) if (right.has(run)) both += 1;
  return both / (left.size + right.size - both);
}

function runsOf(text: string): Set<string> {
  const words = text.split(" ");
  return new Set(Array.from({ length: words.length - 2 }, (_, at) => words.slice(at, at + 3).join(" ")));
}
