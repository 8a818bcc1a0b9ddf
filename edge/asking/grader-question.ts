/** What graders ask models, as generations. */
import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";
import type { ModelAnswer, Question } from "../../shared/graders/kind.ts";
import type { RuleSource } from "../serving/compiled-rules.ts";
import type { GeneratePrompt, Sampling } from "../serving/protocol.ts";
import type { GoodEvent } from "./generation.ts";
import { wholeReply } from "./whole-reply.ts";

/** What is wrong with the server, not with the request or its answer. */
export const SERVER_ERRORS: ReadonlySet<ErrorCode> = new Set([
  "capacity_exceeded",
  "corrupt_blob",
  "internal_error",
] satisfies ErrorCode[]);

/** The fields of a generation that a grader has by other names. */
const FIELDS: Readonly<Record<string, string>> = { model: "model", messages: "input" };

export interface QuestionRequest {
  readonly model: string;
  readonly prompt: GeneratePrompt;
  readonly sampling: Sampling;
  readonly format: RuleSource | undefined;
}

/**
 * The answer to a grader's question.
 *
 * @param begin starts a generation
 * @throws TrimtabError what `begin` throws, at the grader's field where it is not the server's fault
 */
export async function answerQuestion(
  { model, messages, sampling, rule, at }: Question,
  begin: (request: QuestionRequest) => Promise<AsyncIterable<GoodEvent>>,
): Promise<ModelAnswer> {
  try {
    const events = await begin({
      model,
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
    const { text, usage } = await wholeReply(events);
    return { text, usage };
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    // The model would make the same of the question again: its answer is flawed, and a grade says so.
    if (error.code === "non_finite") return { failure: error.message };
    throw SERVER_ERRORS.has(error.code) ? error : atGrader(error, at);
  }
}

function atGrader({ code, message, param, data, cause }: TrimtabError, at: string): TrimtabError {
  if (param?.startsWith(at)) return new TrimtabError(code, message, { param, data, cause });
  const field = FIELDS[param ?? ""];
  return new TrimtabError(code, message, { param: field === undefined ? at : `${at}.${field}`, data, cause });
}
