import type { CreateChatCompletion } from "../../shared/api/chat.ts";
import type { CreateCompletion } from "../../shared/api/completions.ts";
import type { samplingFields } from "../../shared/api/generate.ts";
import { chatToolRequest, type ToolRequest } from "../../shared/api/tools.ts";
import type { DecodeFields } from "../../shared/decode/registry.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { EngineTools, Sampling } from "../serving/protocol.ts";

type Common = Pick<CreateChatCompletion & CreateCompletion, keyof typeof samplingFields>;

/** Omitted fields stay absent, since the model has its own defaults. */
function commonSampling(request: Common): Omit<Sampling, "maxTokens" | "topLogprobs"> {
  const stop = typeof request.stop === "string" ? [request.stop] : (request.stop ?? []);
  return {
    settings: given({
      temperature: request.temperature,
      topP: request.top_p,
      topK: request.top_k,
      minP: request.min_p,
      repetitionPenalty: request.repetition_penalty,
      presencePenalty: request.presence_penalty,
      frequencyPenalty: request.frequency_penalty,
      logitBias:
        request.logit_bias && Object.entries(request.logit_bias).map(([token, bias]) => [Number(token), bias] as const),
    }),
    seed: request.seed ?? null,
    ...(request.min_tokens ? { minTokens: request.min_tokens } : {}),
    ...(request.ignore_eos ? { ignoresEnd: true } : {}),
    // Forms and editors send an empty sequence where their field is empty.
    stop: [...new Set(stop)].filter((sequence) => sequence !== ""),
    n: request.n ?? 1,
  };
}

type Fields = { readonly [Name in keyof DecodeFields]?: DecodeFields[Name] | null | undefined };

function given(fields: Fields): Sampling["settings"] {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

export function chatSampling(request: CreateChatCompletion): Sampling {
  const { max_tokens: old, max_completion_tokens: max, logprobs = false, top_logprobs: top = 0 } = request;
  if (old !== undefined && max !== undefined && old !== max) {
    throw new TrimtabError(
      "invalid_request",
      "`max_tokens` is the old name of `max_completion_tokens`. Send one of them.",
      { param: "max_tokens" },
    );
  }
  if (top > 0 && !logprobs) {
    throw new TrimtabError("invalid_request", "`top_logprobs` needs `logprobs` to be true.", { param: "top_logprobs" });
  }
  return atLeast({ ...commonSampling(request), maxTokens: max ?? old ?? null, topLogprobs: logprobs ? top : null });
}

export function completionSampling(request: CreateCompletion): Sampling {
  const { max_tokens: max = null, logprobs = null } = request;
  return atLeast({ ...commonSampling(request), maxTokens: max, topLogprobs: logprobs });
}

function atLeast(sampling: Sampling): Sampling {
  const { minTokens = 0, maxTokens } = sampling;
  if (maxTokens === null || minTokens <= maxTokens) return sampling;
  throw new TrimtabError("invalid_request", `\`min_tokens\` is more than the ${maxTokens} tokens that may be made.`, {
    param: "min_tokens",
  });
}

/** The tools of a chat for the Engine: nothing where the model may not call any, and is not told of them. */
export function engineTools(request: Pick<CreateChatCompletion, "tools" | "tool_choice" | "parallel_tool_calls">) {
  return calledTools(chatToolRequest(request), request.parallel_tool_calls);
}

export function calledTools(
  { functions, mode, allowed, single }: ToolRequest,
  parallel = true,
): { readonly tools?: EngineTools } {
  if (functions.length === 0 || mode === "none") return {};
  const callable = allowed ?? functions.map(({ name }) => name);
  return { tools: { functions, callable, required: mode === "required", parallel: parallel && !single } };
}

/** One or several prompts, as text or as token ids. */
export function promptList(prompt: CreateCompletion["prompt"]): (string | number[])[] {
  if (typeof prompt === "string") return [prompt];
  const [first] = prompt;
  return typeof first === "number" ? [prompt as number[]] : (prompt as (string | number[])[]);
}
