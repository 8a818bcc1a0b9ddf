import type { Context } from "hono";
import { TrimtabError } from "../../shared/errors.ts";
import type { ModelAnswer, Question } from "../../shared/graders/kind.ts";
import { answerQuestion, SERVER_ERRORS } from "../asking/grader-question.ts";
import type { AppEnv } from "./app-env.ts";
import { generate } from "./generation.ts";

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
export function askJobModel(c: Context<AppEnv>, question: Question): Promise<ModelAnswer> {
  return answerQuestion(question, async (request) => (await generate(c, { deltas: [], ...request })).events);
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
