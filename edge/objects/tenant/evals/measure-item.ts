/** Measures one item of a run: has its sample written, where there is none, and grades it by every criterion. */
import type { EvalResult, EvalSample } from "../../../../shared/api/eval-runs.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { type Criterion, passes, RESULT_TYPES } from "../../../../shared/evals/criteria.ts";
import { inputMessages } from "../../../../shared/evals/input-messages.ts";
import { givenSample, NO_SAMPLE, sampleOf } from "../../../../shared/evals/samples.ts";
import type { Flaw } from "../../../../shared/graders/errors.ts";
import type { TokenUsage } from "../../../../shared/graders/kind.ts";
import { grade } from "../../../../shared/graders/registry.ts";
import type { Observation } from "../../../../shared/graders/render.ts";
import { engineMessages } from "../../../asking/engine-messages.ts";
import { wholeReply } from "../../../asking/whole-reply.ts";
import type { GeneratePrompt } from "../../../serving/protocol.ts";
import { yieldToEventLoop } from "../../../serving/yield-to-event-loop.ts";
import { chosen } from "./choose.ts";
import type { ItemResult } from "./item-rows.ts";
import { EMPTY_SAMPLE, type ItemModels, type ItemToMeasure } from "./item-to-measure.ts";

/** What an error makes of an item is decided by the caller. */
export class ItemFailure extends Error {
  readonly failure: TrimtabError;
  /** The results before it, and the sample as far as there is one. */
  readonly partial: Omit<ItemResult, "status">;

  constructor(failure: TrimtabError, partial: Omit<ItemResult, "status">) {
    super(failure.message, { cause: failure });
    this.failure = failure;
    this.partial = partial;
  }
}

interface Sampled {
  readonly sample: EvalSample;
  readonly observed: Observation["sample"];
}

/** @throws ItemFailure for what went wrong, with what was done before */
export async function measureItem(asked: ItemToMeasure, models: ItemModels): Promise<ItemResult> {
  const usage: (readonly [string, TokenUsage])[] = [];
  const results: EvalResult[] = [];
  const criteria: number[] = [];
  let sample: EvalSample = { ...EMPTY_SAMPLE, model: asked.model };
  try {
    if (asked.plan.kind === "choose") return await chosen(asked, models.begin, asked.plan.asked);
    const sampled = await sampledOf(asked, models);
    sample = sampled.sample;
    if (asked.plan.kind === "generate") usage.push([asked.model, sample.usage]);
    const observation = { item: asked.item, sample: sampled.observed };
    for (const [index, criterion] of asked.criteria.entries()) {
      // One criterion may take a second of a long text.
      await yieldToEventLoop();
      const result = await gradedBy(criterion, { index, observation, usage, ask: models.ask });
      results.push(result);
      criteria.push(index);
    }
    const status = results.every(({ passed }) => passed) ? "pass" : "fail";
    return { status, results, criteria, sample, usage };
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw new ItemFailure(error, { results, criteria, sample, usage });
  }
}

async function sampledOf({ plan, item, given, model }: ItemToMeasure, { begin }: ItemModels): Promise<Sampled> {
  if (plan.kind !== "generate") {
    if (given === null) return { sample: { ...EMPTY_SAMPLE, model }, observed: NO_SAMPLE };
    const observed = givenSample(given);
    const text = typeof observed.output_text === "string" ? observed.output_text : "";
    const of = typeof given.model === "string" ? given.model : "";
    return { sample: { ...EMPTY_SAMPLE, model: of, output: [{ role: "assistant", content: text }] }, observed };
  }
  const { messages, tools, sampling, format, asked } = plan;
  const input = engineMessages(inputMessages(messages, item));
  const prompt: GeneratePrompt = { kind: "chat", messages: input, ...(tools === undefined ? {} : { tools }) };
  const begun = await begin(asked, { prompt, sampling, format });
  const { text, calls, finishReason, usage } = await wholeReply(begun.events);
  const observed = sampleOf({ text, calls, finishReason });
  const tool_calls = observed.output_tools as readonly unknown[];
  const sample: EvalSample = {
    input: input.map(({ role, content }) => ({ role, content })),
    output: [{ role: "assistant", content: text, ...(tool_calls.length === 0 ? {} : { tool_calls }) }],
    finish_reason: finishReason,
    model,
    usage,
    error: null,
    temperature: begun.used.temperature,
    top_p: begun.used.topP,
    seed: sampling.seed,
    max_completion_tokens: begun.used.maxTokens,
  };
  return { sample, observed };
}

interface Grading {
  readonly index: number;
  readonly observation: Observation;
  /** Takes what the grader's models used. */
  readonly usage: (readonly [string, TokenUsage])[];
  readonly ask: ItemModels["ask"];
}

async function gradedBy(criterion: Criterion, { index, observation, usage, ask }: Grading): Promise<EvalResult> {
  const at = `testing_criteria[${index}]`;
  let answered: Readonly<Record<string, unknown>> | null = null;
  const graded = await grade(criterion, {
    observation,
    at,
    ask: async (question) => {
      const answer = await ask(question);
      if ("text" in answer) {
        answered = {
          model: question.model,
          output: [{ role: "assistant", content: answer.text }],
          usage: answer.usage,
        };
      }
      return answer;
    },
  });
  usage.push(...graded.usage);
  const { flaw, score } = graded;
  if (flaw !== undefined && isGraders(flaw)) {
    const why = flaw.model_grader_server_error_details ?? "its model's answer could not be read as a grade";
    throw new TrimtabError("invalid_request", `\`${at}\`: ${why}`, { param: at });
  }
  return {
    name: criterion.name,
    type: RESULT_TYPES[criterion.type],
    score,
    passed: flaw === undefined && passes(criterion, score),
    sample: answered,
    ...(flaw === undefined ? {} : { reason: whyFailed(flaw) }),
  };
}

/** Whether a grader is to blame; otherwise it is the sample. */
const isGraders = (flaw: Flaw) => flaw.model_grader_server_error === true || flaw.model_grader_parse_error === true;

function whyFailed(flaw: Flaw): string {
  return flaw.sample_parse_error === true
    ? "The sample has no such output: its text is no JSON, or it has no calls."
    : "The sample lacks a field that the criterion names.";
}
