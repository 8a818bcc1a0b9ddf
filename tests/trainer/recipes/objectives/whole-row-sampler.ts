import { createRandom } from "../../../../shared/random.ts";
import { i64, tensor } from "../../../../shared/tensor.ts";
import { takenBy } from "../../../../trainer/engines/feeds.ts";
import { frozenTensors, predictionGraph } from "../../../../trainer/recipes/causal-graphs.ts";
import type { RunTools } from "../../../../trainer/recipes/objective.ts";
import type { Sample } from "./reinforce.ts";

const SHAPE = { rows: 4, tokens: 32 };

/** Draws from the softmax, a whole forward pass for every token: slow, and all that a tiny model needs. */
export async function wholeRowSampler({ config, weights, method, executor }: RunTools): Promise<Sample> {
  const graph = predictionGraph({ config, method, shape: SHAPE });
  const program = await executor.compile(graph, { bindings: takenBy(graph, frozenTensors(weights, method)) });
  return async (prompts, { count, values, stream }) => {
    const [seed, ...names] = stream as [number, ...(number | string)[]];
    const rows = prompts.map((prompt) => [...prompt]);
    const draws = prompts.map((_, row) => createRandom(seed, ...names, "sample", row));
    for (let drawn = 0; drawn < count; drawn++) {
      for (let first = 0; first < rows.length; first += SHAPE.rows) {
        const some = rows.slice(first, first + SHAPE.rows);
        const filled = (of: (row: number[], at: number) => number) =>
          Array.from({ length: SHAPE.rows * SHAPE.tokens }, (_, at) => {
            const row = some[Math.floor(at / SHAPE.tokens)] ?? [];
            return at % SHAPE.tokens < row.length ? of(row, at % SHAPE.tokens) : 0;
          });
        const { logits } = await program.run({
          tokens: i64(
            [SHAPE.rows, SHAPE.tokens],
            filled((row, at) => row[at]!),
          ),
          positions: i64(
            [SHAPE.rows, SHAPE.tokens],
            filled((_, at) => at),
          ),
          segments: tensor("i32", [SHAPE.rows, SHAPE.tokens], Int32Array.from(filled(() => 1))),
          ...Object.fromEntries(values),
        });
        for (const [index, row] of some.entries()) {
          const start = (index * SHAPE.tokens + row.length - 1) * config.vocabSize;
          row.push(
            draw((logits!.data as Float32Array).subarray(start, start + config.vocabSize), draws[first + index]!),
          );
        }
      }
    }
    return rows.map((row, index) => Int32Array.from(row.slice(prompts[index]!.length)));
  };
}

function draw(logits: Float32Array, { float }: { float(): number }): number {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const shares = Array.from(logits, (logit) => Math.exp(logit - largest));
  let left = float() * shares.reduce((sum, share) => sum + share, 0);
  for (const [token, share] of shares.entries()) {
    left -= share;
    if (left < 0) return token;
  }
  return shares.length - 1;
}
