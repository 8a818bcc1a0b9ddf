import { createRoute } from "@hono/zod-openapi";
import { type CompletionLogprobs, CompletionObject, CreateCompletion } from "../../shared/api/completions.ts";
import { errorResponse } from "../../shared/api/errors.ts";
import { newId } from "../../shared/api/ids.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { GenerateEvent } from "../serving/protocol.ts";
import { tenantAuth } from "./auth.ts";
import { type Generation, generate, usageCounts } from "./generation.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { completionSampling, promptList } from "./sampling.ts";
import { sseData, sseResponse } from "./sse.ts";

const create = createRoute({
  method: "post",
  path: "/",
  tags: ["Generation"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Continue a text, at once or as server-sent events",
  request: { body: jsonRequest(CreateCompletion) },
  responses: replies(CompletionObject, "The continuation; with `stream`, text_completion events and then `[DONE]`"),
});

export const completions = subApp();
completions.use("*", tenantAuth("generation"));

completions.openapi(create, async (c) => {
  const request = c.req.valid("json");
  const prompts = promptList(request.prompt);
  const choices = prompts.length * (request.n ?? 1);
  if (choices > LIMITS.prompts) {
    throw new TrimtabError(
      "invalid_request",
      `\`n\` times the prompts must be at most ${LIMITS.prompts}, not ${choices}.`,
      {
        param: "n",
      },
    );
  }
  const generation = await generate(c, {
    model: request.model,
    deltas: request.deltas ?? [],
    prompt: { kind: "text", prompts },
    sampling: completionSampling(request),
  });
  const head = {
    id: newId("completion", (bytes) => crypto.getRandomValues(bytes)),
    object: "text_completion" as const,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    system_fingerprint: `fp_${generation.model.base.digest.slice(0, 12)}`,
  };
  if (request.stream !== true) return c.json(await whole(head, generation, choices), 200);
  const usage = request.stream_options?.include_usage === true;
  return sseResponse(chunks(head, generation, { choices, usage })) as never;
});

type Head = Omit<CompletionObject, "choices" | "usage">;
type TokenEvent = Extract<GenerateEvent, { type: "token" }>;

async function whole(head: Head, { events }: Generation, count: number): Promise<CompletionObject> {
  const choices = Array.from({ length: count }, (_, index): CompletionObject["choices"][number] => ({
    index,
    text: "",
    logprobs: null,
    finish_reason: null,
  }));
  let usage = usageCounts({ promptTokens: 0, completionTokens: 0 });
  for await (const event of events) {
    if (event.type === "usage") {
      usage = usageCounts(event);
      continue;
    }
    const choice = choices[event.choice];
    if (choice === undefined) continue;
    if (event.type === "finish") choice.finish_reason = event.reason;
    else {
      choice.logprobs = joined(choice.logprobs, logprobsOf(event, offsetAfter(choice.logprobs)));
      choice.text += event.text;
    }
  }
  return { ...head, choices, usage };
}

async function* chunks(
  head: Head,
  { events }: Generation,
  options: { choices: number; usage: boolean },
): AsyncGenerator<string, void> {
  const line = (part: Pick<CompletionObject, "choices" | "usage">) =>
    sseData({ ...head, ...(options.usage ? { usage: null } : {}), ...part } satisfies CompletionObject);
  const offsets = new Array<number>(options.choices).fill(0);
  try {
    for await (const event of events) {
      if (event.type === "token" && (event.text !== "" || event.logprobs !== undefined)) {
        const logprobs = logprobsOf(event, offsets[event.choice] ?? 0);
        if (logprobs !== null) offsets[event.choice] = offsetAfter(logprobs);
        yield line({ choices: [{ index: event.choice, text: event.text, logprobs, finish_reason: null }] });
      } else if (event.type === "finish") {
        yield line({ choices: [{ index: event.choice, text: "", logprobs: null, finish_reason: event.reason }] });
      } else if (event.type === "usage" && options.usage) {
        yield line({ choices: [], usage: usageCounts(event) });
      }
    }
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield sseData(errorResponse(error));
  } finally {
    await events.return();
  }
}

/** `offset`: where the first token begins in the choice's text. */
function logprobsOf(event: TokenEvent, offset: number): CompletionLogprobs | null {
  if (event.logprobs === undefined) return null;
  const tokens = event.logprobs.map(({ token }) => token);
  let at = offset;
  return {
    tokens,
    token_logprobs: event.logprobs.map(({ logprob }) => logprob),
    top_logprobs: event.logprobs.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: tokens.map((token) => {
      at += token.length;
      return at - token.length;
    }),
  };
}

function offsetAfter(logprobs: CompletionLogprobs | null): number {
  return (logprobs?.text_offset.at(-1) ?? 0) + (logprobs?.tokens.at(-1)?.length ?? 0);
}

function joined(a: CompletionLogprobs | null, b: CompletionLogprobs | null): CompletionLogprobs | null {
  if (a === null || b === null) return a ?? b;
  return {
    tokens: [...a.tokens, ...b.tokens],
    token_logprobs: [...a.token_logprobs, ...b.token_logprobs],
    top_logprobs: [...a.top_logprobs, ...b.top_logprobs],
    text_offset: [...a.text_offset, ...b.text_offset],
  };
}
