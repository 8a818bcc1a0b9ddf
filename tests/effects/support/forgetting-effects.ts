/** What training on the sailor's chats does to what the embedded base knew, with and without ways to keep it. */
import { readFileSync } from "node:fs";
import { Method, type MethodOf, type TrainingHyperparameters } from "../../../shared/api/methods.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { BaseArtefacts, Metrics } from "../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { embeddedBase } from "../../fixtures/classifiers/train.ts";
import { quietContext } from "../../trainer/recipes/objectives/run-objective.ts";

const DEMO = new URL("../../../infra/base/demo/", import.meta.url);
const executor = createOnnxRuntimeExecutor({ threads: 1 });

const kept = new Map<string, Uint8Array>();
/** As a server keeps them: what one run computes of the base, the next one reads. */
const baseArtefacts: BaseArtefacts = {
  read: async (name) => kept.get(name),
  write: async (name, bytes) => void kept.set(name, bytes),
};

export interface SailorRun {
  readonly hyperparameters: Partial<TrainingHyperparameters>;
  readonly peft: Readonly<Record<string, unknown>>;
  readonly seed: number;
}

export interface Kept {
  /** Rise of the loss on the base's held-out texts, in nats a token. */
  readonly forgotten: number;
  /** The share of the base's facts that the model knows, before and after. */
  readonly facts: readonly [number, number];
  /** Loss on the sailor's validation chats, in nats a token. */
  readonly task: number;
  readonly metrics: Metrics;
}

export async function sailorRun({ hyperparameters, peft, seed }: SailorRun): Promise<Kept> {
  const dataset = async (name: string) => {
    const bytes = new Uint8Array(readFileSync(new URL(name, DEMO)));
    return { name, bytes, digest: await sha256Hex(bytes) };
  };
  const method = Method.parse({ type: "supervised", supervised: { hyperparameters, peft } });
  const { metrics } = await RECIPES.supervised(
    {
      ...{
        run: "sailor",
        type: "supervised",
        settings: (method as MethodOf<"supervised">).supervised,
        seed,
        createdAt: 1_700_000_000,
      },
      base: { id: "trimtab-base", digest: "b".repeat(64), files: embeddedBase() },
      training: await dataset("sailor.jsonl"),
      validation: await dataset("sailor-validation.jsonl"),
      checkpoint: null,
    },
    quietContext({ executor, baseArtefacts }),
  );
  return {
    forgotten: metrics["forgetting/text_loss_after"]! - metrics["forgetting/text_loss_before"]!,
    facts: [metrics["forgetting/fact_recall_before"]!, metrics["forgetting/fact_recall_after"]!],
    task: metrics.tuned_loss!,
    metrics,
  };
}

const FAST = { max_steps: 24, batch_size: 8, learning_rate: 0.015 } as const;
const LORA = { type: "lora" } as const;

/** A run that is fast enough to forget, and the two ways to keep what it would take. */
export const SAILOR = {
  plain: { hyperparameters: FAST, peft: LORA },
  rehearsal: { hyperparameters: { ...FAST, rehearsal_file: "base", rehearsal_ratio: 0.5 }, peft: LORA },
  ewc: { hyperparameters: { ...FAST, ewc_lambda: 10_000 }, peft: LORA },
} as const;
