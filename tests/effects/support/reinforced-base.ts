/** The embedded base, reinforced: prompts with what is held out of them, graders, and a run without a server. */

import { REGISTER_SYSTEM_PROMPTS, REQUESTS } from "../../../infra/base/corpus/registers.ts";
import { JOB_TYPES } from "../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { ModelFiles } from "../../../shared/model/model-folder.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { NamedDelta, RecipeContext, RecipeJob, RecipeOutcome } from "../../../trainer/recipes/recipe.ts";
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

export interface Reinforced {
  readonly outcome: RecipeOutcome;
  readonly steps: readonly Readonly<Record<string, number>>[];
}

export interface Reinforcement {
  readonly prompts: Prompts;
  readonly hyperparameters: object;
  readonly seed: number;
  /** The prompts' grader by default. */
  readonly reward?: object;
  /** Measured beside it; nothing by default. */
  readonly gold?: object;
  /** The deltas that the rewards name. */
  readonly models?: ReadonlyMap<string, NamedDelta>;
  /** Of the base, which those deltas have in their manifests. */
  readonly digest?: string;
}

/** Runs a job of that type on the base, measured on the prompts that are held out. */
export async function reinforce(
  base: ModelFiles,
  type: "ppo" | "rloo" | "grpo" | "reinforce_pp",
  options: Reinforcement,
): Promise<Reinforced> {
  const { prompts, hyperparameters, seed, gold, models = new Map(), digest = "b".repeat(64) } = options;
  const { reward = { type: "grader", grader: prompts.grader } } = options;
  const steps: Record<string, number>[] = [];
  const dataset = async (name: string, lines: readonly object[]) => {
    const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    return { name, bytes, digest: await sha256Hex(bytes) };
  };
  const job: RecipeJob = {
    ...{ run: "effect", type, seed, createdAt: 1_700_000_000, checkpoint: null },
    settings: JOB_TYPES[type].settings.parse({
      ...{ reward, ...(gold === undefined ? {} : { gold }), hyperparameters, report: { enabled: false } },
    }),
    base: { id: "trimtab-base", digest, files: base },
    models,
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
