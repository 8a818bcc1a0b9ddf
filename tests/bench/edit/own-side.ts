import type { Cholesky } from "../../../shared/linalg/cholesky.ts";
import { findValues, type ValueOptions } from "../../../trainer/edits/find-values.ts";
import { solveSequence } from "../../../trainer/edits/sequence.ts";
import { momentFactor, solveRome } from "../../../trainer/edits/solve/rome.ts";
import { readKeys } from "../../../trainer/edits/subject-states.ts";
import type { EditLab, LabFact } from "../../effects/support/edit-lab.ts";
import type { Taken } from "../peer.ts";

export interface EditTask {
  /** ROME's layer, and MEMIT's. */
  readonly layer: number;
  readonly layers: readonly number[];
  readonly lambda: number;
  readonly clamp: { readonly rome: number; readonly memit: number };
  readonly values: Pick<ValueOptions, "steps" | "learningRate" | "klFactor" | "weightDecay" | "stopBelow">;
}

/** What a run took, and how many of its facts the edited model completes greedily. */
export interface EditTaken extends Taken {
  readonly held: number;
}

/** This project's solves, with the programs of earlier runs kept, as in a trainer. */
export interface OwnSide {
  /** Each fact alone on the unedited model; their values are found in one batch. */
  rome(facts: readonly number[]): Promise<EditTaken>;
  /** The facts together. */
  memit(facts: readonly number[]): Promise<EditTaken>;
}

export function openOwnSide(lab: EditLab, all: readonly LabFact[], task: EditTask): OwnSide {
  const { layer, layers, lambda, clamp } = task;
  const { model, statistics } = lab;
  let factor: Cholesky | undefined;
  const named = (indices: readonly number[]) => indices.map((index) => all[index]!);
  const held = async (facts: readonly LabFact[]) =>
    (await lab.answers(facts)).filter(({ forced }) => forced.follows).length;
  return {
    async rome(indices) {
      const own = named(indices);
      const facts = own.map(({ encoded }) => encoded);
      const clock = startClock();
      const values = { ...task.values, layer, measuredBy: "mlp" as const, clamp: clamp.rome };
      const found = await findValues(model, facts, values);
      const keys = await readKeys(model, facts, { layer, mean: "contexts" });
      const secondMoment = statistics.moments.get(layer)!;
      // The other side keeps its inverse from run to run, so that neither pays for it here.
      factor ??= momentFactor(secondMoment);
      const shared = factor;
      const width = keys.shape[1]!;
      const changes = found.map(({ delta }, row) =>
        solveRome({ secondMoment, key: keys.data.slice(row * width, (row + 1) * width), delta, factor: shared }),
      );
      const taken = clock();
      let count = 0;
      for (const [i, change] of changes.entries()) {
        model.change(layer, change);
        count += await held([own[i]!]);
        model.reset();
      }
      return { ...taken, held: count };
    },
    async memit(indices) {
      const own = named(indices);
      const facts = own.map(({ encoded }) => encoded);
      const clock = startClock();
      await solveSequence(model, facts, {
        ...{ method: "memit", layers, lambda, batchSize: facts.length, previous: new Map() },
        knowledge: new Map(layers.map((one) => [one, { secondMoment: statistics.moments.get(one)! }])),
        values: { ...task.values, layer: layers.at(-1)!, measuredBy: "layer", clamp: clamp.memit },
        ...{ convergedBelow: Number.POSITIVE_INFINITY, keepUnconverged: true, now: () => performance.now() },
      });
      const taken = clock();
      const count = await held(own);
      model.reset();
      return { ...taken, held: count };
    },
  };
}

function startClock(): () => Taken {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
  };
}
