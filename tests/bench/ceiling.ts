import { GraphBuilder } from "../../shared/graph/builder.ts";
import { createRandom } from "../../shared/random.ts";
import { f32 } from "../../shared/tensor.ts";
import type { Executor } from "../../trainer/engines/executor.ts";

const SIZE = 1024;
/** Products in a row, so that passing one matrix in and one out costs little in comparison. */
const PRODUCTS = 4;

/** The best matrix throughput that the engine reaches on this machine, for comparison with a benchmark's figures. */
export interface Ceiling {
  /**
   * GFLOP/s of one run: four products of 1024 × 1024 matrices in float32. Measured in processor time divided by threads, which
   * is the elapsed time on an idle machine.
   */
  measure(): Promise<number>;
  dispose(): Promise<void>;
}

export async function openCeiling(executor: Executor, threads: number): Promise<Ceiling> {
  const random = createRandom(1, "ceiling");
  // Entries of variance 1/size keep the products' magnitude constant.
  const matrix = f32(
    [SIZE, SIZE],
    Float32Array.from({ length: SIZE * SIZE }, () => random.normal() / Math.sqrt(SIZE)),
  );
  const b = new GraphBuilder("ceiling");
  const weight = b.input("weight", "f32", [SIZE, SIZE]);
  let product = b.input("x", "f32", [SIZE, SIZE]);
  for (let n = 0; n < PRODUCTS; n++) product = b.matmul(product, weight);
  const program = await executor.compile(b.build({ product }), { bindings: new Map([["weight", matrix]]) });
  await program.run({ x: matrix });
  return {
    async measure() {
      const start = process.cpuUsage();
      await program.run({ x: matrix });
      const { user, system } = process.cpuUsage(start);
      return (2 * PRODUCTS * SIZE ** 3 * threads) / (1e3 * (user + system));
    },
    dispose: () => program.dispose(),
  };
}
