/** The embedded base, reinforced: prompts with what is held out of them, graders, and a run without a server. */

import { createRandom } from "../../../infra/base/corpus/random.ts";
import { REGISTER_SYSTEM_PROMPTS, REQUESTS } from "../../../infra/base/corpus/registers.ts";
import { drawTask } from "../../../infra/base/corpus/tasks.ts";
import { EVALUATION_SEED } from "../../../infra/base/evaluation/evaluate.ts";
import { taskProbes } from "../../../infra/base/evaluation/sets.ts";
import { JOB_TYPES } from "../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { ModelFiles } from "../../../shared/model/model-folder.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { RecipeContext, RecipeJob, RecipeOutcome } from "../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { ALONE } from "../../support/alone.ts";

export interface Prompts {
  readonly training: readonly object[];
  /** Of other requests or problems. */
  readonly heldOut: readonly object[];
  readonly grader: object;
}

const user = (content: string) => ({ role: "user", content });

const contains = (text: string) => ({
  ...{ type: "string_check", name: text.replaceAll(" ", "_"), operation: "ilike" },
  ...{ input: "{{sample.output_text}}", reference: text },
});
const POLITE = ["please", "kind", "grateful", "thank"].map(contains);
const RUDE = ["quick", "right now", "fool", "deaf", "lazy"].map(contains);
const namesOf = (graders: readonly { readonly name: string }[]) => graders.map(({ name }) => name).join(", ");

/** Requests to word something, each without a system prompt and with the rude one; 1 for a polite wording, otherwise 0. */
export function politeness(): Prompts {
  const asked = (request: string) => {
    const ask = user(`Ask me to ${request}.`);
    return [{ messages: [ask] }, { messages: [{ role: "system", content: REGISTER_SYSTEM_PROMPTS.rude }, ask] }];
  };
  return {
    training: REQUESTS.slice(0, 12).flatMap(asked),
    heldOut: REQUESTS.slice(12).flatMap(asked),
    grader: {
      ...{ type: "multi", name: "polite" },
      graders: Object.fromEntries([...POLITE, ...RUDE].map((grader) => [grader.name, grader])),
      calculate_output: `max(${namesOf(POLITE)}) * (1 - max(${namesOf(RUDE)}))`,
    },
  };
}

/** Problems of arithmetic with their answers; 1 for a reply that is the answer and nothing else. */
export function arithmetic(count: number, seed: number): Prompts {
  const random = createRandom(seed, "reinforced arithmetic");
  const problems = new Map<string, object>();
  while (problems.size < count) {
    const { prompt, answer } = drawTask("arithmetic", false, random);
    problems.set(prompt, { messages: [user(prompt)], answer });
  }
  return {
    training: [...problems.values()],
    heldOut: taskProbes(EVALUATION_SEED)
      .filter(({ task }) => task === "arithmetic")
      .map(({ messages, answer }) => ({ messages, answer })),
    grader: {
      ...{ type: "string_check", name: "exact", operation: "eq" },
      ...{ input: "{{sample.output_text}}", reference: "{{item.answer}}" },
    },
  };
}

export interface Reinforced {
  readonly outcome: RecipeOutcome;
  readonly steps: readonly Readonly<Record<string, number>>[];
}

/** Runs a job of that type on the base, measured on the prompts that are held out. */
export async function reinforce(
  base: ModelFiles,
  type: "ppo" | "rloo" | "grpo" | "reinforce_pp",
  {
    prompts,
    hyperparameters,
    seed,
  }: { readonly prompts: Prompts; readonly hyperparameters: object; readonly seed: number },
): Promise<Reinforced> {
  const steps: Record<string, number>[] = [];
  const dataset = async (name: string, lines: readonly object[]) => {
    const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    return { name, bytes, digest: await sha256Hex(bytes) };
  };
  const job: RecipeJob = {
    ...{ run: "effect", type, seed, createdAt: 1_700_000_000, checkpoint: null },
    settings: JOB_TYPES[type].settings.parse({
      ...{ reward: { type: "grader", grader: prompts.grader }, hyperparameters, report: { enabled: false } },
    }),
    base: { id: "trimtab-base", digest: "b".repeat(64), files: base },
    training: await dataset("train.jsonl", prompts.training),
    validation: await dataset("valid.jsonl", prompts.heldOut),
  };
  let clock = 0;
  const context: RecipeContext = {
    executor: createOnnxRuntimeExecutor({ threads: 1 }),
    now: () => (clock += 100),
    event: ({ type: kind, data }: Omit<TrainerEvent, "seq">) => {
      if (kind === "metrics") steps.push(data as Record<string, number>);
    },
    openPages: () => {
      throw new Error("pages were opened");
    },
    yieldToEventLoop: async () => undefined,
    afterStep: async () => undefined,
    publishCheckpoint: async () => undefined,
    ...ALONE,
  };
  return { outcome: await RECIPES[type](job, context), steps };
}
