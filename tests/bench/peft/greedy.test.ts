import { describe, expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import type { NamedTensors, Program } from "../../../trainer/engines/executor.ts";
import { type Draft, greedyReplies } from "./greedy.ts";

const VOCABULARY = 11;
const END = 10;
const PAD = 0;
const SHAPE = { rows: 3, tokens: 12 };

/** Each token depends on all tokens before it; every sequence ends at the sixth. */
function next(tokens: readonly number[]): number {
  return tokens.length === 6 ? END : 1 + (tokens.reduce((sum, token, at) => sum + (at + 1) * token, 0) % 9);
}

/** The expected replies, decoded token by token. */
function oneByOne({ prompt }: Draft): number[] {
  const tokens = [...prompt];
  while (tokens.length < SHAPE.tokens && next(tokens) !== END) tokens.push(next(tokens));
  return tokens.slice(prompt.length);
}

/** A program that predicts `next` and counts its runs. */
function counting(): { program: Program; runs: () => number } {
  let runs = 0;
  const program = {
    run: async (feeds: NamedTensors) => {
      runs += 1;
      const tokens = Array.from(feeds.tokens!.data as BigInt64Array, Number);
      const logits = new Float32Array(tokens.length * VOCABULARY);
      for (let cell = 0; cell < tokens.length; cell++) {
        const start = cell - (cell % SHAPE.tokens);
        logits[cell * VOCABULARY + next(tokens.slice(start, cell + 1))] = 1;
      }
      return { logits: f32([SHAPE.rows, SHAPE.tokens, VOCABULARY], logits) };
    },
    dispose: async () => undefined,
  } as unknown as Program;
  return { program, runs: () => runs };
}

const ask = (drafts: readonly Draft[], { program } = counting()) =>
  greedyReplies(drafts, { program, shape: SHAPE, values: {}, padId: PAD, isEnd: (token) => token === END });

describe("greedyReplies", () => {
  const prompts = [[3, 1], [4], [2, 2, 5]];
  const expected = prompts.map((prompt) => oneByOne({ prompt, guess: [] }));

  it.each([
    ["no guess", prompts.map(() => [])],
    ["wrong guesses, one too long", [[9, 9, 9], [1], [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]]],
    ["right guesses", expected.map((reply) => [...reply, END])],
  ])("are those of decoding token by token, from %s", async (_, guesses) => {
    expect(await ask(prompts.map((prompt, row) => ({ prompt, guess: guesses[row]! })))).toEqual(expected);
  });

  it("take one run if the guesses are right", async () => {
    const { program, runs } = counting();
    const drafts = prompts.map((prompt, row) => ({ prompt, guess: [...expected[row]!, END] }));
    await ask(drafts, { program, runs });
    expect(runs()).toBe(1);
  });

  it("end at the end of the row", async () => {
    const prompt = [1, 1, 1, 1, 1, 1, 1, 1];
    const [reply] = await ask([{ prompt, guess: [] }]);
    expect(reply).toEqual(oneByOne({ prompt, guess: [] }));
    expect(reply).toHaveLength(SHAPE.tokens - prompt.length);
  });
});
