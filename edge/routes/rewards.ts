import { createRoute } from "@hono/zod-openapi";
import { CreateRewards, Rewards } from "../../shared/api/rewards.ts";
import { chatToolRequest } from "../../shared/api/tools.ts";
import { joinedReward, type Reward } from "../../shared/delta/reward.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { engineMessages } from "../asking/engine-messages.ts";
import type { FinishedText } from "../serving/judge-protocol.ts";
import type { ResolvedModel } from "../serving/protocol.ts";
import type { Caller } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { jsonBodyKeeping } from "./json-body.ts";
import { judgeTexts } from "./judging.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { withParam } from "./sweep-sources.ts";

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  // A schema of null, or a null in arguments, says something.
  middleware: jsonBodyKeeping("parameters", "arguments"),
  summary: "Score finished texts with a reward model, or with several that judge together",
  request: { body: jsonRequest(CreateRewards) },
  responses: replies(Rewards, "A reward for each text, in their order"),
});

export const rewards = subApp();
rewards.use("*", tenantAuth("generation"));

rewards.openapi(create, async (c) => {
  const request = c.req.valid("json");
  const { model, input } = request;
  const models = await rewardModels(c.var.caller, model);
  const { base } = models[0]!.model;
  const finished = input.map(finishedText);
  const { texts, positions } = await judgeTexts(c, { base, prompts: [], finished, rewards: models }, c.req.raw.signal);
  return c.json(
    {
      object: "list" as const,
      model,
      data: texts.map((text, index) => ({ index, ...entryOf(request, text.rewards!) })),
      usage: { prompt_tokens: positions, total_tokens: positions },
    },
    200,
  );
});

interface NamedReward {
  readonly model: ResolvedModel;
  readonly name: string;
  readonly param: string;
}

/**
 * @throws TrimtabError model_not_found and the like, and invalid_request for models that do not share a base, naming `model` or its
 *   entry
 */
async function rewardModels({ object }: Caller, names: CreateRewards["model"]): Promise<NamedReward[]> {
  const found: NamedReward[] = [];
  for (const [at, name] of [names].flat().entries()) {
    const param = typeof names === "string" ? "model" : `model[${at}]`;
    // An empty object turns off what an alias is steered by.
    const { model } = await object.models
      .resolve({ name, deltas: [], steering: {} })
      .catch((error: unknown) => Promise.reject(withParam(error, () => param)));
    const first = found[0];
    if (first !== undefined && first.model.base.digest !== model.base.digest) {
      const message = `\`${param}\` runs on ${model.base.id}, and \`${first.param}\` on ${first.model.base.id}: models that judge together share a base. Ask for each by itself.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
    found.push({ model, name: JSON.stringify(name), param });
  }
  return found;
}

function finishedText(
  { messages, tools, text = "", prompt = "" }: CreateRewards["input"][number],
  at: number,
): FinishedText {
  const param = `input[${at}]`;
  if (messages === undefined) return { kind: "text", prompt, text, param };
  const { functions } = chatToolRequest({ tools });
  const shown = functions.length === 0 ? {} : { tools: { functions } };
  return { kind: "chat", messages: engineMessages(messages), ...shown, param };
}

type Entry = Omit<Rewards["data"][number], "index">;

function entryOf(
  { model, aggregate = { type: "mean" }, max_variance }: CreateRewards,
  found: readonly Reward[],
): Entry {
  const shown = ({ reward, calibrated, unseen }: Reward) => ({ reward, calibrated, out_of_distribution: unseen });
  if (typeof model === "string") return shown(found[0]!);
  const joined = joinedReward(found, aggregate);
  const disagree = max_variance !== undefined && joined.variance > max_variance;
  return {
    ...shown(joined),
    ...(disagree ? { out_of_distribution: true } : {}),
    members: found.map((member, k) => ({ model: model[k]!, ...shown(member) })),
    variance: joined.variance,
  };
}
