/** The values that a tenant's reward models give to texts of one prompt: what labelling asks to choose its tasks. */
import type { Context } from "hono";
import type { AnswerMessage, KeptPrompt } from "../../shared/api/kept-completions.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { FinishedText } from "../serving/judge-protocol.ts";
import type { EngineMessage, ResolvedModel } from "../serving/protocol.ts";
import type { AppEnv } from "./app-env.ts";
import { judgeTexts } from "./judging.ts";
import { withParam } from "./sweep-sources.ts";

export interface RewardModels {
  /** rewards[m][t]: what model m gives to text t, calibrated, so that models count alike. */
  score(prompt: KeptPrompt, texts: readonly AnswerMessage[]): Promise<number[][]>;
}

/**
 * Finds reward models by their names.
 *
 * @throws TrimtabError with the field that names the model: model_not_found; invalid_request for a model that is no reward model,
 *   and for one on another base than the others
 */
export async function rewardModels(
  c: Context<AppEnv>,
  named: readonly { readonly name: string; readonly param: string }[],
): Promise<RewardModels> {
  const models: { readonly model: ResolvedModel; readonly name: string; readonly param: string }[] = [];
  for (const { name, param } of named) {
    // An empty object turns off what an alias is steered by.
    const { model } = await c.var.caller.object.models
      .resolve({ name, deltas: [], steering: {} })
      .catch((error: unknown) => Promise.reject(withParam(error, () => param)));
    const first = models[0];
    if (first !== undefined && first.model.base.digest !== model.base.digest) {
      const message = `\`${param}\` runs on ${model.base.id}, and \`${first.param}\` on ${first.model.base.id}: reward models of one project share a base.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
    models.push({ model, name: JSON.stringify(name), param });
  }
  const judged = async (finished: readonly FinishedText[]) => {
    const request = { base: models[0]!.model.base, prompts: [], finished, rewards: models };
    return (await judgeTexts(c, request, c.req.raw.signal)).texts;
  };
  // Without texts, it finds out whether the models can judge.
  await judged([]);
  return {
    async score(prompt, texts) {
      const found = await judged(texts.map((text) => finishedText(prompt, text)));
      return models.map((_, model) => found.map(({ rewards }) => rewards![model]!.calibrated));
    },
  };
}

function finishedText(prompt: KeptPrompt, text: AnswerMessage): FinishedText {
  const param = "prompts";
  if ("text" in prompt) return { kind: "text", prompt: prompt.text, text: text.content, param };
  return { kind: "chat", messages: [...prompt.messages, text] as unknown as EngineMessage[], param };
}
