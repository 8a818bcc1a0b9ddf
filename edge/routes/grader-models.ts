import type { Context } from "hono";
import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";
import type { ModelAnswer, Question, TokenUsage } from "../../shared/graders/kind.ts";
import { wholeAnswer } from "./answer.ts";
import type { AppEnv } from "./app-env.ts";
import { generate } from "./generation.ts";

/** What is wrong with the server, not with the request or its answer. */
const SERVER_ERRORS: ReadonlySet<ErrorCode> = new Set([
  "capacity_exceeded",
  "corrupt_blob",
  "internal_error",
] satisfies ErrorCode[]);

/** The fields of a generation that a grader has by other names. */
const FIELDS: Readonly<Record<string, string>> = { model: "model", messages: "input" };

/**
 * Asks a model of the tenant's what a grader wants to know, as a chat request would. What is wrong with the server is a `failure`.
 *
 * @throws TrimtabError what a chat request throws, with the grader's field: model_not_found, context_length_exceeded, …
 */
export async function askGraderModel(c: Context<AppEnv>, question: Question): Promise<ModelAnswer> {
  try {
    return await askJobModel(c, question);
  } catch (error) {
    if (!(error instanceof TrimtabError && SERVER_ERRORS.has(error.code))) throw error;
    return { failure: error.message };
  }
}

/**
 * The same for a job that learns from the answer: as a `failure` it would be a reward of 0, for a reply that nobody has judged.
 *
 * @throws TrimtabError what `askGraderModel` throws, and capacity_exceeded, corrupt_blob and internal_error of the server
 */
export async function askJobModel(c: Context<AppEnv>, question: Question): Promise<ModelAnswer> {
  const { model, messages, sampling, rule, at } = question;
  try {
    const generation = await generate(c, {
      model,
      deltas: [],
      prompt: { kind: "chat", messages },
      sampling: {
        settings: {
          temperature: sampling.temperature,
          ...(sampling.topP === undefined ? {} : { topP: sampling.topP }),
        },
        seed: sampling.seed ?? null,
        maxTokens: sampling.maxTokens ?? null,
        stop: [],
        n: 1,
        topLogprobs: null,
      },
      format: rule,
    });
    const { choices, usage } = await wholeAnswer(generation.events, 1);
    return { text: choices[0]?.text ?? "", usage: tokenUsage(usage) };
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    // The model would make the same of the question again: its answer is flawed, and a grade says so.
    if (error.code === "non_finite") return { failure: error.message };
    throw SERVER_ERRORS.has(error.code) ? error : atGrader(error, at);
  }
}

/**
 * Refuses a model that the tenant cannot use.
 *
 * @throws TrimtabError model_not_found and the like, naming `param`
 */
export async function requireModel(c: Context<AppEnv>, { model, param }: { model: string; param: string }) {
  try {
    await c.var.caller.object.models.resolve({ name: model, deltas: [], steering: undefined });
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param !== "model") throw error;
    throw new TrimtabError(error.code, error.message, { param, data: error.data, cause: error });
  }
}

function atGrader({ code, message, param, data, cause }: TrimtabError, at: string): TrimtabError {
  if (param?.startsWith(at)) return new TrimtabError(code, message, { param, data, cause });
  const field = FIELDS[param ?? ""];
  return new TrimtabError(code, message, { param: field === undefined ? at : `${at}.${field}`, data, cause });
}

function tokenUsage(usage: Awaited<ReturnType<typeof wholeAnswer>>["usage"]): TokenUsage {
  const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = usage;
  return { prompt_tokens, completion_tokens, cached_tokens: prompt_tokens_details.cached_tokens, total_tokens };
}
