import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { DenseMatrix } from "../../../shared/linalg/matrix.ts";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { trainingForward } from "../../../shared/model/training-forward.ts";
import type { Parameter } from "../../../shared/peft/method.ts";
import { f32 } from "../../../shared/tensor.ts";
import { train } from "../../loop/train.ts";
import { initialState } from "../../loop/training-state.ts";
import { ADAMW_DEFAULTS, type AdamWConfig } from "../../optim/adamw.ts";
import { feedsFor } from "../../recipes/causal-graphs.ts";
import type { EditModel, Factors } from "../edit-model.ts";
import type { EncodedFact } from "../encoded-fact.ts";
import { layOut, textFeeds } from "./lay-out.ts";
import { factTurns, type KeptBatch, type StepShape, stepFeeds, stepShape, stepsOfRound } from "./refine-batches.ts";
import { factorNames, refineGraph } from "./refine-graph.ts";

export interface RefineOptions {
  /** Texts that shall stay as they are, in the order in which they take part. At least one. */
  readonly kept: readonly Int32Array[];
  readonly padId: number;
  readonly seed: number;
  /** `auto`: by the number of facts. */
  readonly steps: number | "auto";
  readonly onStep?: (done: number, of: number) => void;
}

/** Rounds over all facts that `auto` takes, and its bounds in steps. */
const AUTO = { rounds: 2.5, least: 24, most: 600 } as const;
/** Adam's rate over the root mean square of the factors that it starts from. */
const RATE = 0.04;
/** Weight of the divergence on kept texts beside the mean loss of a target. */
const KEEP = 5;
const OPTIMIZER: AdamWConfig = { ...ADAMW_DEFAULTS, maxGradNorm: 0 };

/**
 * Improves the changes of all layers together, by Adam on their factors, at the rank that they have: targets become likely behind every
 * context of their facts, while the model's predictions on `kept` stay. In most rows of facts the change acts at the subject's last token
 * alone, so that what is learnt is learnt of the subject and not of its sentence. This is our addition; no published method has it.
 *
 * `model`: without the changes; it stays as it is. Throws `non_finite`.
 */
export async function refineChanges(
  model: EditModel,
  facts: readonly EncodedFact[],
  changes: ReadonlyMap<number, Factors>,
  options: RefineOptions,
): Promise<Map<number, Factors>> {
  const { config } = model;
  const { padId, seed, onStep } = options;
  const step = stepShape(facts, config);
  const round = stepsOfRound(facts, step);
  const auto = Math.min(AUTO.most, Math.max(AUTO.least, Math.ceil(AUTO.rounds * round)));
  const steps = options.steps === "auto" ? auto : options.steps;
  const values = new Map(
    [...changes].flatMap(([layer, { a, b }]) => {
      const names = factorNames(layer);
      return [
        [names.a, narrowed(a)],
        [names.b, narrowed(b)],
      ] as const;
    }),
  );
  const parameters = [...values].map(([name, { shape }]): Parameter => ({ name, shape, decay: false }));
  const { shape } = step;
  const name = `refine ${Object.values(shape).join()} ${parameters.map((one) => `${one.name}:${one.shape.join("x")}`).join()}`;
  const { graph, bindings } = model.graph(name, () => refineGraph({ config, shape, parameters, keep: KEEP }));
  const fixed = model.current({ graph });
  const turns = factTurns(facts, step, seed);
  const kept = await keptBatches(model, options.kept, { step, padId, most: steps });
  const state = await train(
    model.executor,
    {
      gradients: graph,
      frozen: bindings,
      parameters,
      optimizer: OPTIMIZER,
      schedule: { kind: "linear", peak: RATE * meanSize([...changes.values()]), warmupSteps: 3, totalSteps: steps },
      batches: (at) => {
        const own = stepFeeds(turns(at), kept[at % kept.length]!, step, { config, padId, seed, step: at });
        return [{ feeds: { ...feedsFor(graph, own), ...fixed }, trainedTokens: 0 }];
      },
    },
    initialState(parameters, values),
    {
      onStep: async (_, next) => {
        onStep?.(next.step, steps);
        await model.yieldToEventLoop();
      },
    },
  );
  const trained = (name: string) => {
    const { shape: own, data } = state.tensors[name]!;
    return matrix(own[0]!, own[1]!, Float64Array.from(data as Float32Array));
  };
  return new Map(
    [...changes.keys()].map((layer) => {
      const names = factorNames(layer);
      return [layer, { a: trained(names.a), b: trained(names.b) }];
    }),
  );
}

/** Kept texts as steps take them, with their states on the model as it is now; at most as many batches. */
async function keptBatches(
  model: EditModel,
  texts: readonly Int32Array[],
  { step: { half }, padId, most }: { readonly step: StepShape; readonly padId: number; readonly most: number },
): Promise<KeptBatch[]> {
  const { config } = model;
  const name = `kept ${half.rows} ${half.tokens}`;
  const build = () => {
    const b = new GraphBuilder(name);
    const { tap } = trainingForward(b, config, half);
    return b.build({ states: tap("final") });
  };
  const batches: KeptBatch[] = [];
  let open = texts.map((ids) => ({ ids: ids.subarray(0, half.tokens) }));
  while (open.length > 0 && batches.length < most) {
    const { placed, rest } = layOut(open, half);
    const { states } = await model.run(name, build, textFeeds(placed, half, padId));
    batches.push({ placed, states: states!.data as Float32Array });
    open = [...rest];
  }
  return batches;
}

const narrowed = ({ shape, data }: DenseMatrix) => f32(shape, Float32Array.from(data));

/** The mean over matrices of the root of their mean square. */
function meanSize(changes: readonly Factors[]): number {
  const sizes = changes
    .flatMap(({ a, b }) => [a, b])
    .map(({ data }) => {
      return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
    });
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}
