import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { openCeiling } from "../ceiling.ts";

const SIZE = 512;

/** Tokens a second that a model of so many parameters could give at most, by processor time, on one thread. */
export interface Ceilings {
  /** Two operations a parameter, as fast as large products are. */
  readonly by_arithmetic: number;
  /** Every parameter read once, as fast as a row is multiplied by as many: what one row at a time is bound by. */
  readonly by_memory: number;
}

/** Both on the same executor as what is measured beside them. */
export async function openCeilings(executor: Executor, parameters: number) {
  const products = await openCeiling(executor, 1);
  const count = Math.max(1, Math.round(parameters / SIZE ** 2));
  const random = createRandom(1, "row ceiling");
  const b = new GraphBuilder("row_ceiling");
  let row: Value = b.input("x", "f32", [1, SIZE]);
  const bindings = new Map<string, Tensor>();
  for (let n = 0; n < count; n++) {
    const name = `weight${n}`;
    // Entries of variance 1/size keep the products' size.
    const data = Float32Array.from({ length: SIZE * SIZE }, () => random.normal() / Math.sqrt(SIZE));
    bindings.set(name, f32([SIZE, SIZE], data));
    row = b.matmul(row, b.input(name, "f32", [SIZE, SIZE]));
  }
  const program = await executor.compile(b.build({ row }), { bindings });
  const x = f32([1, SIZE], new Float32Array(SIZE).fill(1));
  const RUNS = 20;
  return {
    async measure(): Promise<Ceilings> {
      const gigaflops = await products.measure();
      const start = process.cpuUsage();
      for (let run = 0; run < RUNS; run++) await program.run({ x });
      const { user, system } = process.cpuUsage(start);
      const share = (count * SIZE ** 2) / parameters;
      return { by_arithmetic: (1e9 * gigaflops) / (2 * parameters), by_memory: (1e6 * RUNS * share) / (user + system) };
    },
    async dispose(): Promise<void> {
      await Promise.all([products.dispose(), program.dispose()]);
    },
  };
}
