import type { Executor } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";

const runtime = createOnnxRuntimeExecutor({ threads: 1 });

export interface CountingExecutor {
  readonly executor: Executor;
  /** The names of the graphs that were compiled, in order. */
  readonly compiled: readonly string[];
  /** How many programs have not been disposed of. */
  readonly open: () => number;
}

/** An executor that knows what was compiled on it and what is left of that. */
export function countingExecutor(): CountingExecutor {
  let open = 0;
  const compiled: string[] = [];
  const executor: Executor = {
    ...runtime,
    compile: async (graph, options) => {
      const program = await runtime.compile(graph, options);
      compiled.push(graph.name);
      open++;
      const dispose = async () => {
        open--;
        await program.dispose();
      };
      return { run: program.run.bind(program), hold: program.hold.bind(program), dispose };
    },
  };
  return { executor, compiled, open: () => open };
}
