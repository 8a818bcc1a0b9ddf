import { describe, expect, it } from "vitest";
import { CandidateTexts } from "../../../edge/serving/candidate-texts.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { createRandom } from "../../../shared/random.ts";
import byteLevelJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import byteLevelConfig from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";
import llamaJson from "../../golden/tokenizer/hub/llama2-like/tokenizer.json";
import llamaConfig from "../../golden/tokenizer/hub/llama2-like/tokenizer_config.json";

const byteLevel = loadTokenizer(byteLevelJson, byteLevelConfig);
const llama = loadTokenizer(llamaJson, llamaConfig);
const TOKENIZERS = { "byte level": byteLevel, "byte fallback": llama };
const NO_END = new Set<number>();

/** What a stream of all tokens gives, from its start. */
function streamed(tokenizer: typeof llama, after: readonly number[], tokens: readonly number[]): string {
  const stream = tokenizer.stream({ skipSpecial: true, after });
  return tokens.map((token) => stream.push(token)).join("");
}

describe.each(Object.entries(TOKENIZERS))("candidates of a %s tokenizer", (_, tokenizer) => {
  const { vocabSize } = tokenizer;
  const every = Array.from({ length: vocabSize }, (_, token) => token);

  it("are the text that streaming them gives, for every token behind any text, also one of broken characters", () => {
    const random = createRandom(3, "candidate texts");
    const draw = () => Math.floor(random.float() * (vocabSize + 3));
    for (let round = 0; round < 6; round++) {
      const after = round % 3 === 0 ? [] : Array.from({ length: 1 + (round % 7) }, draw);
      const texts = new CandidateTexts({ tokenizer, after, endTokens: NO_END });
      const generated: number[] = [];
      for (let step = 0; step < 6; step++) {
        const expected = every.map((token) => streamed(tokenizer, after, [...generated, token]));
        expect(texts.of(generated, every)).toEqual(expected);
        generated.push(draw());
      }
    }
  });

  it("complete a character with its last byte, and end an unfinished one where the text ends", () => {
    const { eosId } = tokenizer;
    const tokens = tokenizer.encode("a 🦜é");
    const texts = new CandidateTexts({ tokenizer, after: [], endTokens: new Set([eosId]) });
    const shown = tokens.map((_, i) => texts.of(tokens.slice(0, i), [tokens[i]!, eosId]));
    expect(shown.at(-1)![0]).toBe("a 🦜é");
    // The parrot's bytes are tokens of their own here, so there are steps at which it is not there yet.
    const unfinished = shown.filter(([next], i) => i > 0 && next === shown[i - 1]![0]);
    expect(unfinished.length).toBeGreaterThanOrEqual(2);
    expect(shown.some(([, ended]) => ended!.endsWith("\ufffd"))).toBe(true);
    expect(shown.every(([next]) => !next!.includes("\ufffd"))).toBe(true);
  });

  it("follow a text that goes back", () => {
    const [a, b] = [tokenizer.encode("hello there"), tokenizer.encode("help me")];
    const texts = new CandidateTexts({ tokenizer, after: [], endTokens: NO_END });
    for (const text of [a, b, a.slice(0, 2), [], b]) {
      expect(texts.of(text, [a[0]!])).toEqual([streamed(tokenizer, [], [...text, a[0]!])]);
    }
  });
});
