/**
 * Trains the embedded base from its seed and writes the weights to the model folder. If interrupted, it resumes from its last
 * checkpoint in the state folder.
 *
 *     node infra/base/pretraining/pretrain.ts
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromF32, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { weightsForFile } from "../../../shared/model/weights.ts";
import type { Tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import { type StepReport, train } from "../../../trainer/loop/train.ts";
import { initialState, parameterValues, type TrainingState } from "../../../trainer/loop/training-state.ts";
import { allParameters, pretrainPlan } from "../../../trainer/recipes/pretrain.ts";
import { BASE_CONFIG, OPTIMIZER, PEAK_LEARNING_RATE, SEED, STAGES, TOTAL_STEPS, WARMUP_STEPS } from "./recipe.ts";
import { pretrainingBatch } from "./rows.ts";

const CHECKPOINT_EVERY = 250;
const REPORT_EVERY = 10;
const RUN = `base-${SEED}`;

const modelFolder = fileURLToPath(new URL("../model/", import.meta.url));
const stateFolder = process.env.TRIMTAB_STATE ?? fileURLToPath(new URL("../../../.trimtab/", import.meta.url));
const checkpointFile = `${stateFolder}/pretraining.safetensors`;

const readJson = (name: string): unknown => JSON.parse(readFileSync(`${modelFolder}${name}`, "utf8"));

/** Writes to a temporary file and renames it, so that a crash leaves the old file intact. */
function writeAtomically(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.part`, bytes);
  renameSync(`${path}.part`, path);
}

export function writeModel(state: TrainingState): void {
  const weights = parameterValues(state, allParameters(BASE_CONFIG)) as ReadonlyMap<string, Tensor<"f32">>;
  const tensors = [...weightsForFile(BASE_CONFIG, weights)].map(
    ([name, { shape, data }]) => [name, { dtype: "F16", shape, bytes: fromF32(data, "F16") }] as const,
  );
  writeAtomically(`${modelFolder}model.safetensors`, writeSafetensors(new Map(tensors), { format: "pt" }));
}

mkdirSync(stateFolder, { recursive: true });
const tokenizer = loadTokenizer(readJson("tokenizer.json"), readJson("tokenizer_config.json"));
const executor = createOnnxRuntimeExecutor({ threads: 2 });
const parameters = allParameters(BASE_CONFIG);
let state = existsSync(checkpointFile)
  ? decodeCheckpoint(readFileSync(checkpointFile), { run: RUN, parameters })
  : initialState(parameters, initialWeights(BASE_CONFIG, SEED));

const started = performance.now();
const firstTokens = state.trainedTokens;
let meanLoss = 0;

function onStep(report: StepReport, next: TrainingState): void {
  meanLoss += report.loss / REPORT_EVERY;
  if (report.step % REPORT_EVERY === 0) {
    const seconds = (performance.now() - started) / 1000;
    const speed = (report.trainedTokens - firstTokens) / seconds;
    const left = ((report.totalSteps - report.step) * report.stepTokens) / speed / 60;
    const columns = [
      `step ${report.step}/${report.totalSteps}`,
      `loss ${meanLoss.toFixed(4)}`,
      `gradient ${report.gradNorm.toFixed(2)}`,
      `rate ${report.learningRate.toExponential(2)}`,
      `${speed.toFixed(0)} tokens/s`,
      `${left.toFixed(0)} min left`,
    ];
    console.log(columns.join("  "));
    meanLoss = 0;
  }
  if (report.step % CHECKPOINT_EVERY === 0) writeAtomically(checkpointFile, encodeCheckpoint(next, RUN));
}

for (const { shape, until, drillShare } of STAGES) {
  const plan = pretrainPlan({
    config: BASE_CONFIG,
    shape,
    optimizer: OPTIMIZER,
    schedule: { kind: "cosine", peak: PEAK_LEARNING_RATE, warmupSteps: WARMUP_STEPS, totalSteps: TOTAL_STEPS },
    batch: (step) => pretrainingBatch(tokenizer, shape, { seed: SEED, step, drillShare }),
  });
  state = await train(executor, plan, state, { onStep, until });
}
writeAtomically(checkpointFile, encodeCheckpoint(state, RUN));
writeModel(state);
