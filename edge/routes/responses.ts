/** The Responses API as a fold over chat: its input becomes messages, and a chat's answer becomes the items of its output. */
import { createRoute } from "@hono/zod-openapi";
import { newId } from "../../shared/api/ids.ts";
import { responseToolRequest } from "../../shared/api/response-tools.ts";
import { CreateResponse, ResponseObject } from "../../shared/api/responses.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { engineMessages } from "../asking/engine-messages.ts";
import { wholeAnswer } from "./answer.ts";
import { tenantAuth } from "./auth.ts";
import { type Generation, generate } from "./generation.ts";
import { jsonBodyKeeping } from "./json-body.ts";
import { keepingReply } from "./keep-completion.ts";
import { endedResponse, type ResponseHead, responseLines, withoutScores } from "./response-events.ts";
import { textFormatOf } from "./response-format.ts";
import { chatMessages } from "./response-input.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { calledTools, chatSampling } from "./sampling.ts";
import { sseResponse } from "./sse.ts";

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  // A schema of null says something.
  middleware: jsonBodyKeeping("parameters", "schema"),
  summary: "Answer a text or a conversation in the form of OpenAI's Responses API; kept only with `store: true`",
  request: { body: jsonRequest(CreateResponse) },
  responses: replies(ResponseObject, "The response; with `stream`, the events of one, up to `response.completed`"),
});

export const responses = subApp();
responses.post("/", tenantAuth("generation"));

responses.openapi(create, async (c) => {
  const request = c.req.valid("json");
  const { model, instructions, max_output_tokens: max, top_logprobs: top = 0 } = request;
  const reportsScores = request.include?.includes("message.output_text.logprobs") === true;
  const { asked, generation } = await inOwnWords(async () => {
    const asked = {
      model,
      deltas: request.deltas ?? [],
      prompt: {
        kind: "chat" as const,
        messages: engineMessages(chatMessages(request)),
        ...calledTools(responseToolRequest(request), request.parallel_tool_calls),
      },
      sampling: chatSampling({
        ...chosen(request),
        model,
        messages: [],
        max_completion_tokens: max,
        ...(reportsScores ? { logprobs: true, top_logprobs: top } : {}),
      }),
    };
    const format = textFormatOf(request.text?.format);
    return { asked, generation: await generate(c, { ...asked, format, steering: request.steering }) };
  });
  const { used } = generation;
  const head: ResponseHead = {
    ...unchanging(),
    id: newId("response", (bytes) => crypto.getRandomValues(bytes)),
    created_at: seconds(),
    instructions: instructions ?? null,
    max_output_tokens: used.maxTokens,
    max_tool_calls: request.max_tool_calls ?? null,
    metadata: request.metadata ?? {},
    model,
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    temperature: used.temperature,
    store: request.store ?? false,
    text: { format: request.text?.format ?? { type: "text" } },
    ...generation.echo,
    tool_choice: request.tool_choice ?? "auto",
    tools: request.tools ?? [],
    top_logprobs: top,
    top_p: used.topP,
    user: request.user ?? null,
  };
  const message = newId("message", (bytes) => crypto.getRandomValues(bytes));
  const { id, created_at: created } = head;
  const completion = { ...asked, id, created, kind: "response", metadata: request.metadata, generation } as const;
  const keep = request.store === true ? keepingReply(c, completion) : undefined;
  if (request.stream === true) {
    const obfuscate = request.stream_options?.include_obfuscation === true;
    const stream = { head, message, obfuscate, now: seconds, keep };
    return sseResponse(responseLines(inOwnParams(generation), stream)) as never;
  }
  const answer = await inOwnWords(() => wholeAnswer(generation.events, 1));
  const [choice] = answer.choices;
  if (choice === undefined) throw new TrimtabError("internal_error", "The answer has no choice. Retry the request.");
  const response = endedResponse({ head, message, choice, usage: answer.usage, now: seconds() });
  // The ids of its items are drawn with it: what is kept is what the client gets.
  await keep?.(answer, withoutScores(response));
  return c.json(response, 200);
});

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Fields that are the same in every response of this server. */
function unchanging() {
  return {
    object: "response",
    background: false,
    error: null,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: "default",
    truncation: "disabled",
  } as const;
}

/** How tokens are drawn, under the names that chats and responses share. */
function chosen({ temperature, top_p, top_k, min_p, repetition_penalty, min_tokens, ignore_eos }: CreateResponse) {
  return { temperature, top_p, top_k, min_p, repetition_penalty, min_tokens, ignore_eos };
}

/** The Engine uses the field names of chats. */
const OWN_PARAMS: Readonly<Record<string, string>> = { messages: "input", max_tokens: "max_output_tokens" };

async function inOwnWords<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw renamed(error);
  }
}

async function* inOwnParams({ events }: Generation): Generation["events"] {
  try {
    yield* events;
  } catch (error) {
    throw renamed(error);
  }
}

function renamed(error: unknown): unknown {
  if (!(error instanceof TrimtabError) || error.param === undefined) return error;
  const param = OWN_PARAMS[error.param] ?? error.param.replace(/^(tools\[\d+\])\.function\b/, "$1");
  return new TrimtabError(error.code, error.message, { param, data: error.data, cause: error });
}
