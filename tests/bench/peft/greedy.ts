import { argmax } from "../../../shared/decode/logits.ts";
import { i64, tensor } from "../../../shared/tensor.ts";
import type { Feeds, Program } from "../../../trainer/engines/executor.ts";

export interface GreedyOptions {
  /** A `predictionGraph` of `rows` by `tokens`. */
  readonly program: Program;
  readonly shape: { readonly rows: number; readonly tokens: number };
  /** The program's inputs apart from the tokens: the method's parameters. */
  readonly values: Feeds;
  readonly padId: number;
  readonly isEnd: (token: number) => boolean;
}

export interface Draft {
  /** Includes placeholders for virtual tokens. */
  readonly prompt: readonly number[];
  /** A guess at the reply; a good one saves time, but no guess changes the result. */
  readonly guess: readonly number[];
}

/**
 * The greedy continuation of each prompt, without the end token and truncated at the end of the row. At most `rows` prompts.
 *
 * Predicts all tokens of the guess at once and replaces them by the predictions until nothing changes (Jacobi decoding: Santilli
 * et al., "Accelerating Transformer Inference for Translation via Parallel Decoding", 2023). After n rounds the first n tokens
 * equal those of sequential decoding, and a guess that no longer changes equals it entirely. This needs no cache, so it works
 * with every method's training graph.
 */
export async function greedyReplies(drafts: readonly Draft[], options: GreedyOptions): Promise<number[][]> {
  const { program, shape, values, padId, isEnd } = options;
  let guesses = drafts.map(({ prompt, guess }) => guess.slice(0, shape.tokens - prompt.length));
  for (;;) {
    const feeds = feedsOf(
      drafts.map(({ prompt }, row) => [...prompt, ...guesses[row]!]),
      shape,
      padId,
    );
    const { logits } = await program.run({ ...feeds, ...values });
    const [, , vocabulary] = logits!.shape as [number, number, number];
    const predict = (row: number, position: number) => {
      const start = (row * shape.tokens + position) * vocabulary;
      return argmax((logits!.data as Float32Array).subarray(start, start + vocabulary));
    };
    const replies = drafts.map(({ prompt }, row) => {
      const reply: number[] = [];
      // After the guess comes padding; its predictions still serve as the next guess.
      for (let position = prompt.length - 1; position + 1 < shape.tokens; position++) {
        reply.push(predict(row, position));
        if (isEnd(reply.at(-1)!)) break;
      }
      return reply;
    });
    const settled = replies.every((reply, row) => reply.every((token, at) => token === guesses[row]![at]));
    if (settled) return replies.map((reply) => reply.filter((token) => !isEnd(token)));
    guesses = replies;
  }
}

/** One sequence per row, padded on the right; rows beyond the sequences are all padding. */
function feedsOf(sequences: readonly (readonly number[])[], { rows, tokens }: GreedyOptions["shape"], padId: number) {
  const size = [rows, tokens];
  const cells = Array.from({ length: rows * tokens }, (_, cell) => [Math.floor(cell / tokens), cell % tokens] as const);
  return {
    tokens: i64(
      size,
      cells.map(([row, at]) => sequences[row]?.[at] ?? padId),
    ),
    positions: i64(
      size,
      cells.map(([, at]) => at),
    ),
    segments: tensor("i32", size, new Int32Array(rows * tokens).fill(1)),
  };
}
