/** What a run is going to do, from its request: names resolved, and everything checked that items do not decide. */
import type { Context } from "hono";
import type { CreateEvalRun, DataSource } from "../../shared/api/eval-runs.ts";
import { responseToolRequest } from "../../shared/api/response-tools.ts";
import { chatToolRequest, toolProblem } from "../../shared/api/tools.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { checkTemplates } from "../../shared/evals/criteria.ts";
import { referenceSteps, TEMPLATE } from "../../shared/evals/input-messages.ts";
import { KEPT_ITEM_SCHEMA } from "../../shared/evals/samples.ts";
import type { Schema } from "../../shared/evals/schema-keywords.ts";
import { missingPath } from "../../shared/evals/template-paths.ts";
import type { Suite } from "../../shared/evaluation/suites/suite.ts";
import { textsOf } from "../../shared/graders/kinds/messages.ts";
import type { EvalRecord } from "../objects/tenant/evals/eval-rows.ts";
import type { AskedModel, RunPlan, RunRecord } from "../objects/tenant/evals/run-record.ts";
import type { RuleSource } from "../serving/compiled-rules.ts";
import type { EngineTools, Sampling } from "../serving/protocol.ts";
import type { AppEnv } from "./app-env.ts";
import { requireSuite } from "./eval-suite.ts";
import { formatOf, textFormatOf } from "./response-format.ts";
import { calledTools } from "./sampling.ts";
import { withParam } from "./sweep-sources.ts";

/** The seed of a run that names none: the same run writes the same samples. */
const SEED = 42;

type Written = Extract<DataSource, { type: "completions" | "responses" }>;

export interface PlannedRun {
  readonly record: RunRecord;
  readonly source: DataSource;
  /** The model's base, where a model is asked. */
  readonly base: Awaited<ReturnType<typeof askedModel>>["base"] | null;
  readonly suite: Suite | null;
}

/** @throws TrimtabError with the field: unknown models, and sources that do not suit the eval */
export async function planRun(c: Context<AppEnv>, of: EvalRecord, request: CreateEvalRun): Promise<PlannedRun> {
  const { name = "", metadata = null, data_source: source } = request;
  requireSuited(of, source);
  const model = source.type === "jsonl" ? "" : (source.model ?? "");
  const found =
    source.type === "jsonl" || source.model === undefined ? null : await askedModel(c, { ...source, model });
  const suite = source.type === "suite" ? requireSuite(of.suite ?? "", "eval_id") : null;
  const plan = suite === null ? planOf(of, source as Written, found?.asked) : suitePlan(suite, source, found!.asked);
  const record = { name, metadata, plan, model, origin: new URL(c.req.url).origin };
  return { record, source, base: found?.base ?? null, suite };
}

function requireSuited(of: EvalRecord, source: DataSource): void {
  const refuse = (message: string, param = "data_source.type") => {
    throw new TrimtabError("invalid_request", message, { param });
  };
  if ((of.suite !== undefined) !== (source.type === "suite")) {
    refuse(
      of.suite === undefined
        ? "`data_source.type` suite is of evals that were created with a suite. Name a source of items."
        : `The eval runs the suite ${of.suite}, which has items of its own: send \`data_source\` as {"type": "suite", "model": …}.`,
    );
  }
  if (source.type === "suite") return;
  const isKept = source.source.type === "stored_completions" || source.source.type === "responses";
  if (isKept && of.config.type === "custom") {
    const message =
      "The eval has items of its own schema, and completions that were kept have another. Create an eval whose `data_source_config` is of type logs.";
    refuse(message, "data_source.source.type");
  }
}

/** What is asked of a model, which stays what it is however an alias moves. */
async function askedModel(
  c: Context<AppEnv>,
  { model, deltas = [], steering }: Pick<Written, "deltas" | "steering"> & { model: string },
) {
  const { models } = c.var.caller.object;
  const found = await models
    .resolve({ name: model, deltas, steering })
    .catch((error: unknown) => Promise.reject(withParam(error, (param) => `data_source.${param ?? "model"}`)));
  const { base, tuned } = await models.base(model);
  const asked: AskedModel = {
    name: tuned ?? base.id,
    deltas,
    ...(found.steering === null ? {} : { steering: found.steering.asked }),
  };
  return { asked, base: found.model.base };
}

function planOf(of: EvalRecord, source: DataSource, asked: AskedModel | undefined): RunPlan {
  if (source.type === "jsonl" || source.type === "suite") return { kind: "grade" };
  const isKept = source.source.type === "stored_completions" || source.source.type === "responses";
  if (asked === undefined) {
    const given = (["input_messages", "sampling_params", "deltas", "steering"] as const).find(
      (field) => source[field] !== undefined,
    );
    if (given === undefined) return { kind: "grade" };
    const message = `\`data_source.${given}\` is for a model that writes samples, and there is none. Name it as \`data_source.model\`, or leave the field out to grade the samples of the source.`;
    throw new TrimtabError("invalid_request", message, { param: "data_source.model" });
  }
  const messages =
    source.input_messages ?? (isKept ? ({ type: "item_reference", item_reference: "item.input" } as const) : undefined);
  if (messages === undefined) {
    const message =
      "`data_source.input_messages` is required with a model: it says what the model is asked of each item.";
    throw new TrimtabError("invalid_request", message, { param: "data_source.input_messages" });
  }
  const item: Schema = of.config.type === "custom" ? of.config.item_schema : isKept ? KEPT_ITEM_SCHEMA : true;
  checkMessages(messages, item);
  return { kind: "generate", asked, messages, ...toolsAndFormat(source), sampling: samplingOf(source.sampling_params) };
}

function suitePlan(suite: Suite, source: DataSource, asked: AskedModel): RunPlan {
  const params = source.type === "suite" ? source.sampling_params : undefined;
  if (suite.mode === "choose") {
    requireUnsampled(suite, { params, asked });
    return { kind: "choose", asked };
  }
  const sampling = samplingOf({ max_completion_tokens: suite.max_tokens, temperature: 0, ...params });
  return { kind: "generate", asked, messages: { type: "template", template: [...suite.input_messages] }, sampling };
}

/** Refuses what a suite that compares likelihoods would leave unused. */
function requireUnsampled(
  { name }: Suite,
  { params, asked }: { readonly params: Params | undefined; readonly asked: AskedModel },
): void {
  const refuse = (param: string, why: string) => {
    throw new TrimtabError("invalid_request", `The suite ${name} ${why}.`, { param });
  };
  if (params !== undefined) {
    refuse("data_source.sampling_params", "compares likelihoods and samples nothing: leave `sampling_params` out");
  }
  if (asked.steering !== undefined) {
    refuse(
      "data_source.steering",
      "compares likelihoods under the model alone: leave `steering` out, and name a model in place of an alias that carries a preset",
    );
  }
}

function checkMessages(messages: NonNullable<Written["input_messages"]>, item: Schema): void {
  if (messages.type === "template") {
    const texts = textsOf(messages.template, TEMPLATE).flatMap((message) => message.texts);
    checkTemplates(texts, { item, hasSample: false, instead: "Name a field of the item" });
    return;
  }
  const param = "data_source.input_messages.item_reference";
  const missing = missingPath(item, referenceSteps(messages.item_reference, param));
  if (missing === undefined) return;
  const message = `\`${param}\` names ${messages.item_reference}, and the item's schema has no ${missing}.`;
  throw new TrimtabError("invalid_request", message, { param });
}

type Params = NonNullable<Extract<DataSource, { type: "suite" }>["sampling_params"]>;

function samplingOf(params: Params = {}): Sampling {
  const { temperature, top_p: topP, seed = SEED, max_completion_tokens: max, max_completions_tokens: old } = params;
  if (max !== undefined && old !== undefined && max !== old) {
    const message = "`max_completions_tokens` is an older name of `max_completion_tokens`. Send one of them.";
    throw new TrimtabError("invalid_request", message, { param: "data_source.sampling_params.max_completions_tokens" });
  }
  const settings = { ...(temperature === undefined ? {} : { temperature }), ...(topP === undefined ? {} : { topP }) };
  return { settings, seed, maxTokens: max ?? old ?? null, stop: [], n: 1, topLogprobs: null };
}

function toolsAndFormat({ type, sampling_params: params }: Written): { tools?: EngineTools; format?: RuleSource } {
  if (params === undefined) return {};
  const at = "data_source.sampling_params";
  const request =
    type === "completions"
      ? chatToolRequest({ tools: params.tools as Parameters<typeof chatToolRequest>[0]["tools"] })
      : responseToolRequest({ tools: params.tools });
  const problem = toolProblem(request);
  if (problem !== undefined) {
    const param = `${at}.tools`;
    throw new TrimtabError("invalid_request", `\`${param}\` ${problem.message}.`, { param });
  }
  const format = inParams(() =>
    "text" in params && params.text !== undefined
      ? textFormatOf(params.text.format)
      : formatOf("response_format" in params ? params.response_format : undefined),
  );
  return { ...calledTools(request), ...(format === undefined ? {} : { format }) };
}

/** A rule whose errors name the field of this request. */
function inParams(make: () => RuleSource | undefined): RuleSource | undefined {
  const place = (param: string | undefined) => `data_source.sampling_params.${param ?? "response_format"}`;
  try {
    const rule = make();
    return rule === undefined ? undefined : { ...rule, param: place(rule.param) };
  } catch (error) {
    throw withParam(error, place);
  }
}
