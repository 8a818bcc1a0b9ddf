import { createRoute } from "@hono/zod-openapi";
import {
  ChatCompletion,
  type ChatCompletionChunk,
  type ChatLogprobs,
  CreateChatCompletion,
} from "../../shared/api/chat.ts";
import { newId } from "../../shared/api/ids.ts";
import { engineMessages } from "../asking/engine-messages.ts";
import {
  type Answer,
  answerLines,
  type Choice,
  type ChunkFormat,
  reportedScores,
  type TokenScore,
  wholeAnswer,
} from "./answer.ts";
import { tenantAuth } from "./auth.ts";
import { generate } from "./generation.ts";
import { jsonBodyKeeping } from "./json-body.ts";
import { keeping } from "./keep-completion.ts";
import { askedOfPrompts, jsonReply, promptLogprobsOf } from "./prompt-logprobs.ts";
import { deltaContent, messageContent } from "./reply-calls.ts";
import { formatOf } from "./response-format.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { chatSampling, engineTools } from "./sampling.ts";
import { sseResponse } from "./sse.ts";
import { type SteeringEcho, searchResult, steeringOf, tracesOf } from "./steering.ts";

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  // A schema of null, or a null in arguments, says something.
  middleware: jsonBodyKeeping("parameters", "arguments"),
  summary: "Answer a conversation, at once or as server-sent events",
  request: { body: jsonRequest(CreateChatCompletion) },
  responses: replies(ChatCompletion, "The answer; with `stream`, chat.completion.chunk events and then `[DONE]`"),
});

export const chat = subApp();
chat.post("/", tenantAuth("generation"));

chat.openapi(create, async (c) => {
  const request = c.req.valid("json");
  const asked = {
    model: request.model,
    deltas: request.deltas ?? [],
    prompt: { kind: "chat" as const, messages: engineMessages(request.messages), ...engineTools(request) },
    sampling: chatSampling(request),
    ...askedOfPrompts({ prompt_logprobs: request.prompt_logprobs, stream: request.stream }),
  };
  const generation = await generate(c, {
    ...asked,
    format: formatOf(request.response_format),
    ...steeringOf(request),
  });
  const head = {
    id: newId("chat", (bytes) => crypto.getRandomValues(bytes)),
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    system_fingerprint: `fp_${generation.model.base.digest.slice(0, 12)}`,
  };
  const n = request.n ?? 1;
  const object = "chat.completion" as const;
  const reply = ({ choices, usage }: Answer): ChatCompletion => {
    return { ...head, object, choices: choices.map(chatChoice), usage, ...generation.echo };
  };
  const { id, created } = head;
  const completion = { ...asked, id, created, kind: "chat", metadata: request.metadata, generation } as const;
  const keep = request.store === true ? keeping(c, completion, reply) : undefined;
  if (request.stream === true) {
    const format = chunkFormat(head, { ...request, echo: generation.echo });
    return sseResponse(answerLines(generation.events, n, { ...format, keep })) as never;
  }
  const answer = await wholeAnswer(generation.events, n);
  await keep?.(answer);
  if (request.prompt_logprobs === undefined) return c.json(reply(answer), 200);
  return jsonReply(c, { ...reply(answer), ...promptLogprobsOf(answer.choices[0]!, request.prompt_logprobs) });
});

type Head = Pick<ChatCompletion, "id" | "created" | "model" | "system_fingerprint">;

function chatChoice(choice: Choice): ChatCompletion["choices"][number] {
  const { index, text, scores, traces, calls, finishReason, search } = choice;
  return {
    index,
    message: { role: "assistant", refusal: null, ...messageContent(text, calls) },
    logprobs: logprobsOf(scores),
    finish_reason: finishReason ?? "stop",
    ...tracesOf(traces),
    ...searchResult(search),
  };
}

function chunkFormat(
  head: Head,
  {
    stream_options: options = {},
    tools = [],
    echo,
  }: Pick<CreateChatCompletion, "stream_options" | "tools"> & { readonly echo: SteeringEcho },
): ChunkFormat {
  const { include_usage: includeUsage = false, include_obfuscation: obfuscate = false } = options;
  const chunk = (part: Pick<ChatCompletionChunk, "choices" | "usage">): ChatCompletionChunk => ({
    ...head,
    object: "chat.completion.chunk",
    ...(includeUsage ? { usage: null } : {}),
    ...part,
  });
  const ofChoice = (index: number, change: Partial<ChatCompletionChunk["choices"][number]>) =>
    chunk({ choices: [{ index, delta: {}, logprobs: null, finish_reason: null, ...change }] });
  return {
    opening: (index, first) => ({
      ...ofChoice(index, { delta: { role: "assistant", content: first?.calls === undefined ? "" : null } }),
      ...echo,
    }),
    opensLate: tools.length > 0,
    change: ({ index, text, scores, traces, calls, finishReason, search }) =>
      finishReason === null
        ? ofChoice(index, { delta: deltaContent(text, calls), logprobs: logprobsOf(scores), ...tracesOf(traces) })
        : ofChoice(index, { finish_reason: finishReason, ...searchResult(search) }),
    obfuscate,
    ...(includeUsage ? { usage: (usage) => chunk({ choices: [], usage }) } : {}),
  };
}

function logprobsOf(scores: readonly TokenScore[] | null): ChatLogprobs | null {
  if (scores === null) return null;
  return { content: reportedScores(scores), refusal: null };
}
