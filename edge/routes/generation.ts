import type { Context } from "hono";
import type { SteeringField } from "../../shared/api/steering.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type BegunGeneration, beginGeneration } from "../asking/generation.ts";
import type { FoundModel } from "../objects/tenant/models.ts";
import type { RequestedDelta } from "../objects/tenant/resolve.ts";
import type { RuleSource } from "../serving/compiled-rules.ts";
import type { AskedOfPrompts, GeneratePrompt, GenerateRequest, Sampling } from "../serving/protocol.ts";
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

/** A generation that has begun, as a reply shows it. */
export interface Generation extends BegunGeneration {
  /** What its reply says of what steers it. */
  readonly echo: SteeringEcho;
}

/**
 * Authorises, resolves and starts a generation. What can be refused is refused here, before a reply has begun; what is used is
 * charged to the tenant when the generation ends, however it ends.
 */
export async function generate(c: Context<AppEnv>, request: GenerationRequest): Promise<Generation> {
  const { model: name, deltas, steering } = request;
  const found = await c.var.caller.object.models.resolve({ name, deltas, steering });
  return generateWith(c, found, { ...request, name, signal: c.req.raw.signal });
}

export interface ResolvedRequest
  extends Pick<GenerationRequest, "prompt" | "sampling" | "ofPrompts" | "traced" | "format"> {
  /** The model's, as the tenant wrote it. */
  readonly name?: string;
  /** Ends the generation. */
  readonly signal: AbortSignal;
}

/** `generate` once it is known what the names mean. */
export async function generateWith(
  c: Context<AppEnv>,
  { model, steering }: FoundModel,
  { name, prompt, sampling, ofPrompts, traced, format, signal }: ResolvedRequest,
): Promise<Generation> {
  const { caller, requestId } = c.var;
  if (steering !== null) requireNoScores({ sampling, ofPrompts });
  const message: GenerateRequest = {
    requestId,
    tenant: caller.id,
    model,
    prompt,
    sampling,
    ...(name === undefined ? {} : { name }),
    ...(ofPrompts === undefined ? {} : { ofPrompts }),
    ...(steering === null ? {} : { steering: steering.resolved }),
    ...(traced === undefined ? {} : { traced }),
    ...(format === undefined ? {} : { format }),
  };
  const begun = await beginGeneration(message, {
    engines: c.env.ENGINE,
    signal,
    charge: (used) => c.executionCtx.waitUntil(caller.object.account.charge(used)),
  });
  return { ...begun, echo: steeringEcho(steering) };
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
