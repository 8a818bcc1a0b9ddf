/** Two small tasks that have nothing in common, trained on alone and mixed, on the embedded base. */
import { readFileSync } from "node:fs";
import { createRandom } from "../../../infra/base/corpus/random.ts";
import { drawReview } from "../../../infra/base/corpus/reviews.ts";
import { Method, type MethodOf } from "../../../shared/api/methods.ts";
import { MixtureSettings } from "../../../shared/api/mixtures.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { joinDatasets } from "../../../trainer/recipes/join-datasets.ts";
import type { Dataset } from "../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { embeddedBase } from "../../fixtures/classifiers/train.ts";
import { quietContext } from "../../trainer/recipes/objectives/run-objective.ts";

const DEMO = new URL("../../../infra/base/demo/", import.meta.url);
const executor = createOnnxRuntimeExecutor({ threads: 1 });

export const TASKS = ["sailor", "verdict"] as const;
export type Task = (typeof TASKS)[number];

const sailor = (name: string) => readFileSync(new URL(name, DEMO), "utf8");

/** Reviews, each with a verdict on its mood; validation has openings that training never has. */
function verdicts(count: number, { heldOut }: { readonly heldOut: boolean }): string {
  const random = createRandom(heldOut ? 2 : 1, "verdicts");
  const lines = Array.from({ length: count }, () => {
    const { opening, continuation, sentiment } = drawReview(heldOut, random);
    const [detail] = continuation.split(".");
    const messages = [
      { role: "user", content: `Give your verdict on this review: ${opening} ${detail}.` },
      { role: "assistant", content: `Verdict: the writer is ${sentiment === "positive" ? "pleased" : "not pleased"}.` },
    ];
    return JSON.stringify({ messages });
  });
  return lines.join("\n");
}

const TRAINING: Readonly<Record<Task, string>> = {
  sailor: sailor("sailor.jsonl"),
  verdict: verdicts(360, { heldOut: false }),
};
const VALIDATION: Readonly<Record<Task, string>> = {
  sailor: sailor("sailor-validation.jsonl"),
  verdict: verdicts(48, { heldOut: true }),
};

async function dataset(name: string, text: string): Promise<Dataset> {
  const bytes = new TextEncoder().encode(text);
  return { name, bytes, digest: await sha256Hex(bytes) };
}

const together = async (files: readonly Dataset[]) => joinDatasets(files.map((file) => ({ dataset: file, weight: 1 })));

/** Steps for each file that is trained on, so that a mixture sees each as often as a run on it alone. */
const STEPS_PER_TASK = 38;

/** The share of the tokens of each task's validation replies that the model gets right, in percent. */
export async function trainedOn(tasks: readonly Task[], seed: number): Promise<Record<Task, number>> {
  const method = Method.parse({
    type: "supervised",
    supervised: {
      hyperparameters: {
        max_steps: STEPS_PER_TASK * tasks.length,
        batch_size: 8,
        learning_rate: 0.006,
        // At the end alone.
        eval_steps: 1_000_000,
      },
      peft: { type: "lora", r: 8 },
    },
  });
  const { metrics } = await RECIPES.supervised(
    {
      ...{ run: "tasks", type: "supervised", seed, createdAt: 1_700_000_000, checkpoint: null },
      settings: (method as MethodOf<"supervised">).supervised,
      base: { id: "trimtab-base", digest: "b".repeat(64), files: embeddedBase() },
      training: await together(await Promise.all(tasks.map((task) => dataset(task, TRAINING[task])))),
      validation: await together(await Promise.all(TASKS.map((task) => dataset(task, VALIDATION[task])))),
      ...(tasks.length === 1 ? {} : { mixture: MixtureSettings.parse({}) }),
    },
    quietContext({ executor }),
  );
  const points = (task: Task) => 100 * metrics[`valid_mean_token_accuracy/${task}`]!;
  return { sailor: points("sailor"), verdict: points("verdict") };
}
