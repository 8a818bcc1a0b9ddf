/** `/v1/evals/{eval_id}/runs` and their output items, as OpenAI's SDK types them, with the fields that this server adds. */
import { z } from "zod";
import { graderMessages } from "../graders/kinds/messages.ts";
import { LIMITS } from "../limits.ts";
import { deltaField, reasoningEffort } from "./generate.ts";
import { ReportEstimate } from "./job-report.ts";
import { Metadata } from "./jobs.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { ResponseFormat, TextFormat } from "./response-format.ts";
import { ResponseTool } from "./response-tools.ts";
import { SteeringField, SteeringObject } from "./steering.ts";
import { ChatTool } from "./tools.ts";

const jsonObject = z.record(z.string(), z.unknown());
const modelName = z.string().min(1).max(300);
const unixSeconds = z.number().int().optional();

const FileContent = z.strictObject({
  type: z.literal("file_content"),
  content: z
    .array(z.strictObject({ item: jsonObject, sample: jsonObject.optional() }))
    .min(1)
    .max(LIMITS.evalItems),
});
const FileId = z.strictObject({
  type: z.literal("file_id"),
  id: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: 'A file of lines such as {"item": {…}}, uploaded with purpose "evals"' }),
});
const kept = {
  created_after: unixSeconds,
  created_before: unixSeconds,
  model: modelName.optional(),
  metadata: Metadata.optional(),
};
const limit = z.int().min(1).max(LIMITS.evalItems).optional();
const StoredCompletions = z.strictObject({ type: z.literal("stored_completions"), ...kept, limit });
const none = z.null("is not supported by this server as a filter; remove it").optional();
const Responses = z.strictObject({
  type: z.literal("responses"),
  ...kept,
  limit,
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  instructions_search: none,
  reasoning_effort: none,
  tools: none,
  users: none,
});
export type KeptSource = z.infer<typeof StoredCompletions> | z.infer<typeof Responses>;

const InputMessages = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("template"), template: graderMessages }),
  z.strictObject({
    type: z.literal("item_reference"),
    item_reference: z
      .string()
      .min(1)
      .max(256)
      .meta({ description: "Where the item has its messages, such as `item.input`" }),
  }),
]);

const maxTokens = z.int().min(1).max(LIMITS.maxTokens).optional();
const sampling = {
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  seed: z.int().optional(),
  max_completion_tokens: maxTokens,
  max_completions_tokens: maxTokens.meta({ description: "What older SDKs call `max_completion_tokens`" }),
  reasoning_effort: reasoningEffort,
};

const written = {
  input_messages: InputMessages.optional(),
  model: modelName.optional().meta({ description: "What writes the samples; left out, the source brings them" }),
  deltas: deltaField.meta({ description: "Deltas on top of the model, as of a chat" }),
  steering: SteeringField.optional(),
};

const DataSource = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("jsonl"), source: z.discriminatedUnion("type", [FileContent, FileId]) }),
  z.strictObject({
    type: z.literal("completions"),
    source: z.discriminatedUnion("type", [FileContent, FileId, StoredCompletions]),
    ...written,
    sampling_params: z
      .strictObject({
        ...sampling,
        response_format: ResponseFormat.optional(),
        tools: z.array(ChatTool).max(LIMITS.tools).optional(),
      })
      .optional(),
  }),
  z.strictObject({
    type: z.literal("responses"),
    source: z.discriminatedUnion("type", [FileContent, FileId, Responses]),
    ...written,
    sampling_params: z
      .strictObject({
        ...sampling,
        text: z.strictObject({ format: TextFormat.optional() }).optional(),
        tools: z.array(ResponseTool).max(LIMITS.tools).optional(),
      })
      .optional(),
  }),
  z
    .strictObject({
      type: z.literal("suite"),
      model: modelName,
      deltas: written.deltas,
      steering: written.steering,
      sampling_params: z.strictObject(sampling).optional(),
    })
    .meta({ description: "Of this server: the items of the eval's suite" }),
]);
export type DataSource = z.infer<typeof DataSource>;
export type RunSampling = NonNullable<Extract<DataSource, { type: "completions" | "responses" }>["sampling_params"]>;

export const CreateEvalRun = z
  .strictObject({
    name: z.string().max(LIMITS.evalName).optional(),
    metadata: Metadata.optional(),
    data_source: DataSource,
  })
  .meta({ id: "CreateEvalRun" });
export type CreateEvalRun = z.infer<typeof CreateEvalRun>;

export const RUN_STATUSES = ["queued", "in_progress", "completed", "canceled", "failed"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

const count = z.int();
const RunError = z.strictObject({ code: z.string(), message: z.string() });
const ModelUsage = z.strictObject({
  model_name: z.string(),
  invocation_count: count,
  prompt_tokens: count,
  completion_tokens: count,
  cached_tokens: count,
  total_tokens: count,
});
export type ModelUsage = z.infer<typeof ModelUsage>;

export const EvalRun = z
  .strictObject({
    id: z.string(),
    object: z.literal("eval.run"),
    eval_id: z.string(),
    name: z.string(),
    status: z.enum(RUN_STATUSES),
    model: z.string().meta({ description: "What wrote the samples; empty where they came with the items" }),
    created_at: count,
    report_url: z.string().meta({ description: "Where the run is read" }),
    result_counts: z.strictObject({ total: count, errored: count, failed: count, passed: count }),
    per_model_usage: z.array(ModelUsage),
    per_testing_criteria_results: z.array(
      z.strictObject({ testing_criteria: z.string(), passed: count, failed: count }),
    ),
    data_source: z.looseObject({ type: z.string() }),
    metadata: Metadata.nullable(),
    error: RunError.nullable(),
    steering: SteeringObject.optional().meta({ description: "As it is used, with every default" }),
    scores: z
      .record(z.string(), ReportEstimate.nullable())
      .optional()
      .meta({ description: "Of a suite's run that has completed, by the suite's names, with intervals of 95 %" }),
  })
  .meta({ id: "EvalRun" });
export type EvalRun = z.infer<typeof EvalRun>;

export const EvalRunList = listSchema(EvalRun).meta({ id: "EvalRunList" });
const order = z.enum(["asc", "desc"]).default("asc");
export const EvalRunListQuery = pageQuery().extend({ order, status: z.enum(RUN_STATUSES).optional() });
export type EvalRunPage = z.infer<typeof EvalRunListQuery>;

export const DeletedEvalRun = z
  .strictObject({ object: z.literal("eval.run.deleted"), deleted: z.literal(true), run_id: z.string() })
  .meta({ id: "DeletedEvalRun" });

const sampleMessage = z.looseObject({ role: z.string(), content: z.string() });

const EvalSample = z
  .strictObject({
    input: z.array(sampleMessage),
    output: z.array(sampleMessage),
    finish_reason: z.string(),
    model: z.string(),
    usage: ModelUsage.omit({ model_name: true, invocation_count: true }),
    error: RunError.nullable().meta({ description: "Why the item could not be measured" }),
    temperature: z.number().nullable(),
    top_p: z.number().nullable(),
    seed: z.number().nullable(),
    max_completion_tokens: count.nullable(),
  })
  .meta({ id: "EvalSample" });
export type EvalSample = z.infer<typeof EvalSample>;

const EvalResult = z
  .looseObject({
    name: z.string(),
    type: z.string(),
    score: z.number(),
    passed: z.boolean(),
    sample: jsonObject.nullable().meta({ description: "What a grader's model answered" }),
  })
  .meta({ id: "EvalResult" });
export type EvalResult = z.infer<typeof EvalResult>;

export const OUTPUT_STATUSES = ["pass", "fail", "error"] as const;
export type OutputStatus = (typeof OUTPUT_STATUSES)[number];

export const EvalOutputItem = z
  .strictObject({
    id: z.string(),
    object: z.literal("eval.run.output_item"),
    created_at: count,
    run_id: z.string(),
    eval_id: z.string(),
    status: z
      .enum(OUTPUT_STATUSES)
      .meta({ description: "`pass` where every criterion passed; `error` where one could not be judged" }),
    datasource_item_id: count.meta({ description: "The item's place in its source, from 0" }),
    datasource_item: jsonObject,
    results: z.array(EvalResult),
    sample: EvalSample,
  })
  .meta({ id: "EvalOutputItem" });
export type EvalOutputItem = z.infer<typeof EvalOutputItem>;

export const EvalOutputItemList = listSchema(EvalOutputItem).meta({ id: "EvalOutputItemList" });
export const EvalOutputItemQuery = pageQuery().extend({
  order,
  status: z
    .enum([...OUTPUT_STATUSES, "failed"])
    .optional()
    .meta({ description: "OpenAI's own pages also call `fail` `failed`" }),
});
export type EvalOutputItemPage = z.infer<typeof EvalOutputItemQuery>;
