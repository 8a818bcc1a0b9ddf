/** The values that a tenant's reward models give to texts of one prompt: what labelling asks to choose its tasks. */
import type { Context } from "hono";
import { TrimtabError } from "../../shared/errors.ts";
import type { GeneratePrompt, ResolvedModel } from "../serving/protocol.ts";
import type { AppEnv } from "./app-env.ts";
import { judgeTexts } from "./judging.ts";
import { withParam } from "./sweep-sources.ts";

export interface RewardModels {
  /** rewards[m][t]: what model m gives to text t, which is the token ids of a completion without what ends it. */
  score(prompt: GeneratePrompt, texts: readonly (readonly number[])[]): Promise<number[][]>;
}

interface NamedReward {
  readonly name: string;
  readonly param: string;
}

const NONE: ResolvedModel["base"]["files"] = [];

/** The file that makes token ids of texts; models can read each other's ids where theirs is the same. */
export function tokenizerOf({ files = NONE }: ResolvedModel["base"]): string | undefined {
  return files.find(({ name }) => name === "tokenizer.json")?.sha256;
}

/**
 * Finds reward models by their names.
 *
 * @throws TrimtabError with the field that names the model: model_not_found; invalid_request for a classifier, and for a model with
 *   another tokenizer than those that make the texts
 */
export async function rewardModels(
  c: Context<AppEnv>,
  named: readonly NamedReward[],
  makers: readonly ResolvedModel[],
): Promise<RewardModels> {
  const models: { readonly model: ResolvedModel; readonly param: string }[] = [];
  const { signal } = c.req.raw;
  for (const { name, param } of named) {
    const at = (error: unknown) => Promise.reject(withParam(error, () => param));
    const found = await c.var.caller.object.models.resolve({ name, deltas: [], steering: {} }).catch(at);
    const { model } = found;
    if (makers.some(({ base }) => tokenizerOf(base) !== tokenizerOf(model.base))) {
      const message = `The reward model ${name} reads texts with another tokenizer than a model that makes them. Use models of one base.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
    const { labels } = await judgeTexts(c, { base: model.base, prompts: [], scorer: { model, param } }, signal).catch(
      at,
    );
    if (labels?.length !== 1) {
      const message = `${name} is a classifier with ${labels?.length ?? 0} classes, and no reward model. Name the result of a job of the type reward_model.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
    models.push({ model, param });
  }
  return {
    async score(prompt, texts) {
      const rewards: number[][] = [];
      for (const scorer of models) {
        const judging = await judgeTexts(c, { base: scorer.model.base, prompts: [{ prompt, texts }], scorer }, signal);
        rewards.push(texts.map((_, text) => judging.texts[text]!.scores![0]!));
      }
      return rewards;
    },
  };
}
