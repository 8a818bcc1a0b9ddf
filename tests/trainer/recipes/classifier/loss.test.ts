import { describe, expect, it } from "vitest";
import { IGNORED_LABEL } from "../../../../shared/model/chat-template.ts";
import { f32, type Tensor, zeros } from "../../../../shared/tensor.ts";
import { stepBatches } from "../../../../trainer/data/batches.ts";
import type { Unit } from "../../../../trainer/data/units.ts";
import type { Executor } from "../../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { metricOutput } from "../../../../trainer/loop/metrics.ts";
import { slots } from "../../../../trainer/optim/adamw.ts";
import { feedsFor, frozenTensors, trainingGraphWithMetrics } from "../../../../trainer/recipes/causal-graphs.ts";
import { CLASS, type ClassifierLoss, classifierLoss } from "../../../../trainer/recipes/classifier/loss.ts";
import { EXECUTORS } from "../../../contract/executors.ts";
import { attached } from "../../../support/peft.ts";
import { goldenBase, goldenFactors, largestDifference, readGoldenJson } from "../../golden-llama.ts";

interface Packed {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Golden {
  readonly lead: readonly number[];
  readonly control: readonly (readonly number[])[];
  readonly lmWeight: number;
  readonly minTokens: number;
  readonly texts: readonly { readonly ids: readonly number[]; readonly label: number }[];
  readonly scorer: Readonly<Record<string, Packed>>;
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, Packed>>;
}

const golden = readGoldenJson<Golden>("classifier/loss.json");
const runtime = createOnnxRuntimeExecutor({ threads: 1 });
const { config, weights } = goldenBase();
const lora = attached(
  { type: "lora", r: 4, lora_alpha: 8, lora_dropout: 0, target_modules: ["q_proj", "v_proj", "down_proj"] },
  { config, weights },
);
const scorer = new Map(Object.entries(golden.scorer).map(([name, { shape, data }]) => [name, f32(shape, data)]));
const method = {
  ...lora,
  parameters: [...lora.parameters, ...[...scorer].map(([name, { shape }]) => ({ name, shape, decay: false }))],
};
const values = new Map<string, Tensor>([...goldenFactors("lora/adapter/adapter_model.safetensors"), ...scorer]);

const units = golden.texts.map(({ ids, label }): Unit => {
  const led = (lead: readonly number[]) => ({
    ids: Int32Array.from([...lead, ...ids]),
    labels: Int32Array.from([...lead.map(() => IGNORED_LABEL), ...ids]),
  });
  const rows = golden.control.map((own) => led([...golden.lead, ...own]));
  return { examples: [led(golden.lead), ...rows], columns: { [CLASS]: label } };
});
const form = { examples: 3, columns: { [CLASS]: "unit" } } as const;
const WHOLE: ClassifierLoss = {
  classes: 2,
  modes: ["lookahead", "class_rows", "token_values"],
  lmWeight: golden.lmWeight,
  minTokens: golden.minTokens,
};

interface StepOptions {
  readonly tokens?: number;
  readonly rows?: number;
  readonly packing?: boolean;
  readonly capacity?: number;
  readonly loss?: ClassifierLoss;
  readonly executor?: Executor;
}

/** The sums over the micro-batches of one step, whose groups hold these units. */
async function step(groups: readonly (readonly Unit[])[], given: StepOptions = {}) {
  const { tokens = 10, rows = 9, packing = false, capacity = 3, loss = WHOLE, executor = runtime } = given;
  const options = { shape: { rows, tokens }, packing, padId: 0, units: { form, capacity } };
  const used = new Set<string>();
  const { graph } = trainingGraphWithMetrics({
    config,
    method: { ...method, parameters: method.parameters.filter(({ name }) => isTrained(name, loss)) },
    shape: options.shape,
    units: options.units,
    loss: (context) => classifierLoss(context, loss),
  });
  for (const { name } of graph.inputs) used.add(name);
  const program = await executor.compile(graph, { bindings: frozenTensors(weights, method) });
  const sums = new Map<string, Float64Array>();
  for (const { feeds } of stepBatches(groups, options)) {
    const none = method.parameters.map(({ name, shape }) => [slots(name).gradient, zeros(shape)] as const);
    const fed = [...none, ...values].filter(([name]) => used.has(name));
    const outputs = await program.run({ ...feedsFor(graph, feeds), ...Object.fromEntries(fed) });
    for (const [name, { data }] of Object.entries(outputs)) {
      const sum = sums.get(name) ?? new Float64Array(data.length);
      for (let at = 0; at < sum.length; at++) sum[at]! += Number(data[at]);
      sums.set(name, sum);
    }
  }
  await program.dispose();
  return { names: [...sums.keys()], of: (name: string) => sums.get(name)! };
}

function isTrained(name: string, { modes }: ClassifierLoss): boolean {
  if (name === "scorer.A" || name === "scorer.T") return modes.includes("token_values");
  if (name === "scorer.log_scale" || name === "scorer.row_bias") return modes.includes("class_rows");
  return true;
}

describe("a classifier's loss", () => {
  it.each(EXECUTORS)("is what PyTorch gives, term by term and by gradient, on %s", async (_name, create) => {
    const { of } = await step([units], { executor: await create() });
    for (const [name, expected] of Object.entries(golden.terms)) {
      expect(of(metricOutput(name))[0], name).toBeCloseTo(expected, 5);
    }
    expect(of("loss")[0]).toBeCloseTo(golden.loss, 5);
    for (const [name, { data }] of Object.entries(golden.gradients)) {
      expect(largestDifference(of(slots(name).gradient), data), name).toBeLessThan(2e-5);
    }
    const adapters = goldenFactors("classifier/grads.safetensors");
    expect(adapters.size).toBe(lora.parameters.length);
    for (const [name, { data }] of adapters) {
      expect(largestDifference(of(slots(name).gradient), data), name).toBeLessThan(5e-5);
    }
  });

  it.each<[string, (readonly Unit[])[], StepOptions]>([
    ["packed", [units], { packing: true, tokens: 24, rows: 4 }],
    ["a micro-batch for each text", units.map((unit) => [unit]), { rows: 3, capacity: 1 }],
    ["two groups, one with room to spare", [units.slice(0, 1), units.slice(1)], { rows: 6, capacity: 2 }],
  ])("does not depend on micro-batches: %s", async (_name, groups, options) => {
    const [whole, other] = [await step([units]), await step(groups, options)];
    for (const name of ["loss", metricOutput("accuracy"), metricOutput("row_loss")]) {
      expect(other.of(name)[0]).toBeCloseTo(whole.of(name)[0]!, 5);
    }
    for (const { name } of method.parameters) {
      const { gradient } = slots(name);
      expect(largestDifference(other.of(gradient), whole.of(gradient)), name).toBeLessThan(2e-5);
    }
  });

  it("has only the terms of the ways that are trained", async () => {
    const { head_loss: head, value_loss: value } = golden.terms;
    const headAlone = await step([units], { loss: { ...WHOLE, modes: ["lookahead"] } });
    expect(headAlone.of("loss")[0]).toBeCloseTo(head!, 5);
    expect(headAlone.names).not.toContain(metricOutput("lm_loss"));
    const withValues = await step([units], { loss: { ...WHOLE, modes: ["lookahead", "token_values"] } });
    expect(withValues.of("loss")[0]).toBeCloseTo(head! + value!, 5);
    const { lm_loss: lm, row_loss: row } = golden.terms;
    const withRows = await step([units], { loss: { ...WHOLE, modes: ["class_rows"], lmWeight: 0.25 } });
    expect(withRows.of("loss")[0]).toBeCloseTo(head! + 0.25 * lm! + 0.75 * row!, 5);
  });

  it("judges no beginning that is too short", async () => {
    const judge = async (minTokens: number) => {
      const { of } = await step([units], { loss: { ...WHOLE, modes: ["lookahead"], minTokens } });
      return of("loss")[0]!;
    };
    const losses = [await judge(1), await judge(2), await judge(3)];
    expect(losses[1]).toBeCloseTo(golden.terms.head_loss!, 5);
    expect(new Set(losses.map((loss) => loss.toFixed(4))).size).toBe(3);
    // No text has so many tokens, so nothing is judged.
    expect(await judge(9)).toBe(0);
  });
});
