import type { Context } from "hono";
import type { SteeringField } from "../../shared/api/steering.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { FoundModel } from "../objects/tenant/models.ts";
import type { RequestedDelta } from "../objects/tenant/resolve.ts";
import type { RuleSource } from "../serving/compiled-rules.ts";
import {
  type AskedOfPrompts,
  decodeEvents,
  type GenerateEvent,
  type GeneratePrompt,
  type GenerateRequest,
  type ResolvedModel,
  type Sampling,
  type StartEvent,
} from "../serving/protocol.ts";
import type { AppEnv } from "./app-env.ts";
import { type SteeringEcho, steeringEcho } from "./steering.ts";

/** What a chat or completion request asks of the Engine. */
export interface GenerationRequest {
  readonly model: string;
  readonly deltas: readonly RequestedDelta[];
  readonly prompt: GeneratePrompt;
  readonly sampling: Sampling;
  readonly ofPrompts?: AskedOfPrompts | undefined;
  readonly steering?: SteeringField | undefined;
  /** What the whole reply is. */
  readonly format?: RuleSource | undefined;
  /** How many alternatives the trace of each token lists; absent: no trace. */
  readonly traced?: number | undefined;
}

/** An event of the text itself. */
export type GoodEvent = Exclude<GenerateEvent, { type: "error" | "start" }>;

/** A generation that has begun: its first event of the text is there. */
export interface Generation {
  readonly model: ResolvedModel;
  /** The values that are used, the model's own defaults included. */
  readonly used: StartEvent;
  /** What its reply says of what steers it. */
  readonly echo: SteeringEcho;
  /** Ends after the `usage` event; throws where the Engine fails. Leaving it early ends the generation. */
  readonly events: AsyncGenerator<GoodEvent, void>;
}

/**
 * Authorises, resolves and starts a generation. What can be refused is refused here, before a reply has begun; what is used is
 * charged to the tenant when the generation ends, however it ends.
 */
export async function generate(c: Context<AppEnv>, request: GenerationRequest): Promise<Generation> {
  const { model: name, deltas, steering } = request;
  const found = await c.var.caller.object.models.resolve({ name, deltas, steering });
  return generateWith(c, found, { ...request, signal: c.req.raw.signal });
}

export interface ResolvedRequest
  extends Pick<GenerationRequest, "prompt" | "sampling" | "ofPrompts" | "traced" | "format"> {
  /** Ends the generation. */
  readonly signal: AbortSignal;
}

/** `generate` once it is known what the names mean. */
export async function generateWith(
  c: Context<AppEnv>,
  { model, steering }: FoundModel,
  { prompt, sampling, ofPrompts, traced, format, signal }: ResolvedRequest,
): Promise<Generation> {
  const { caller, requestId } = c.var;
  if (steering !== null) requireNoScores({ sampling, ofPrompts });
  const message: GenerateRequest = {
    requestId,
    tenant: caller.id,
    model,
    prompt,
    sampling,
    ...(ofPrompts === undefined ? {} : { ofPrompts }),
    ...(steering === null ? {} : { steering: steering.resolved }),
    ...(traced === undefined ? {} : { traced }),
    ...(format === undefined ? {} : { format }),
  };
  const engine = c.env.ENGINE.get(c.env.ENGINE.idFromName(model.base.id));
  const response = await engine.fetch("https://engine/generate", {
    method: "POST",
    body: JSON.stringify(message),
    signal,
  });
  if (!response.ok || response.body === null) {
    throw new TrimtabError("internal_error", `The engine answered ${response.status}. Send the request again.`);
  }
  let used: StartEvent | undefined;
  const events = charged(
    c,
    goodEvents(response.body, (start) => {
      used = start;
    }),
  );
  const first = await events.next();
  if (used === undefined) {
    await events.return();
    throw brokenOff();
  }
  return { model, used, echo: steeringEcho(steering), events: first.done ? events : resumed(first.value, events) };
}

/** What steers a text does not steer what the model makes of its prompt. */
function requireNoScores({ sampling, ofPrompts }: Pick<GenerationRequest, "sampling" | "ofPrompts">): void {
  const scores = (ofPrompts?.top ?? null) !== null;
  if (!scores && sampling.maxTokens !== 0) return;
  const why = scores
    ? "prompts are scored by the model alone"
    : "`max_tokens` 0 asks for no text that could be steered";
  throw new TrimtabError(
    "unsupported_parameter",
    `\`steering\` cannot be used here: ${why}. Leave one of the two out.`,
    {
      param: "steering",
    },
  );
}

/** The Engine's events with its errors thrown, and an end without `usage` taken for one. */
async function* goodEvents(
  body: ReadableStream<Uint8Array>,
  onStart: (start: StartEvent) => void,
): AsyncGenerator<GoodEvent, void> {
  for await (const event of decodeEvents(body)) {
    if (event.type === "error") {
      throw new TrimtabError(event.code, event.message, event.param === null ? {} : { param: event.param });
    }
    if (event.type === "start") {
      onStart(event);
      continue;
    }
    yield event;
    if (event.type === "usage") return;
  }
  throw brokenOff();
}

function brokenOff(): TrimtabError {
  return new TrimtabError("internal_error", "The engine's answer broke off. Send the request again.");
}

async function* charged(c: Context<AppEnv>, events: AsyncGenerator<GoodEvent, void>): AsyncGenerator<GoodEvent, void> {
  let used = { promptTokens: 0, completionTokens: 0 };
  try {
    for await (const event of events) {
      if (event.type === "usage") used = { promptTokens: event.promptTokens, completionTokens: event.completionTokens };
      else if (event.type === "prompt") used.promptTokens += event.scores?.length ?? 0;
      else if (event.type === "token") used.completionTokens++;
      yield event;
    }
  } finally {
    c.executionCtx.waitUntil(c.var.caller.object.account.charge(used));
  }
}

async function* resumed<T>(first: T, rest: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  try {
    yield first;
    yield* rest;
  } finally {
    // Where the reader left before the second event, `yield*` has not been reached.
    await rest.return();
  }
}
