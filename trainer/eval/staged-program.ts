import type { Graph } from "../../shared/graph/graph.ts";
import { stagesOf } from "../../shared/graph/stages.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { Append, Executor, Feeds, NamedTensors, Program } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";

interface Stage {
  readonly graph: Graph;
  readonly program: Program;
}

/** A graph that runs in stages, each of which finds in the caches what the earlier ones appended. */
export class StagedProgram {
  readonly #stages: readonly Stage[];

  private constructor(stages: readonly Stage[]) {
    this.#stages = stages;
  }

  /** `bindings`: the values that inputs keep, of which a stage takes its own. `startsAt`: as in `stagesOf`. */
  static async compile(
    executor: Executor,
    graph: Graph,
    {
      bindings,
      startsAt,
    }: {
      readonly bindings: ReadonlyMap<string, Tensor>;
      readonly startsAt: (input: string) => number | undefined;
    },
  ): Promise<StagedProgram> {
    const stages: Stage[] = [];
    for (const stage of stagesOf(graph, startsAt)) {
      const options = { bindings: takenBy(stage, bindings), steadyRows: true };
      stages.push({ graph: stage, program: await executor.compile(stage, options) });
    }
    return new StagedProgram(stages);
  }

  /** Sets inputs for all later runs; those that no stage has are left out. */
  async hold(values: ReadonlyMap<string, Tensor>): Promise<void> {
    for (const { graph, program } of this.#stages) await program.hold(Object.fromEntries(takenBy(graph, values)));
  }

  /** Like `Program.run`, but a stage's appends are in the caches when the next one reads them. */
  async run(feeds: Feeds, appends: Readonly<Record<string, Append>>): Promise<NamedTensors> {
    let pool = feeds;
    const returned: Record<string, Tensor> = {};
    for (const { graph, program } of this.#stages) {
      const own = graph.inputs.filter(({ name }) => pool[name] !== undefined);
      const written = graph.outputs.filter(({ name }) => appends[name] !== undefined);
      const outputs = await program.run(
        Object.fromEntries(own.map(({ name }) => [name, pool[name]!])),
        Object.fromEntries(written.map(({ name }) => [name, appends[name]!])),
      );
      pool = { ...pool, ...outputs };
      Object.assign(returned, outputs);
    }
    return returned;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#stages.map(({ program }) => program.dispose()));
  }
}
