import type { GenerateEvent } from "../../shared/decode/events.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import type { ScorerCaller } from "../scoring/call-scorer.ts";
import { replyCalls } from "./calls.ts";
import { candidateScorer } from "./candidate-scorer.ts";
import { choicesOf, startOf } from "./choices.ts";
import { conditionOf } from "./conditional-deltas.ts";
import type { BatchRequest, Generation, RequestEnd } from "./generation.ts";
import { acquireOnAllBases } from "./other-bases.ts";
import { encodePrompts } from "./prompt.ts";
import type { GenerateRequest } from "./protocol.ts";
import { replyRule } from "./reply-rule.ts";
import type { ServedModel } from "./served-model.ts";
import { NO_STEERING, planSteering, type SteeringPlan } from "./steering-plan.ts";

export interface GenerateContext {
  /** Takes every event; must not throw. */
  readonly emit: (event: GenerateEvent) => void;
  /** Called once the request is in the batch, with a function that cancels it. */
  readonly onStart: (cancel: () => void) => void;
  /** The tenant's id for the delta with that digest. */
  readonly deltaId: (digest: string) => string;
  /** Another base, for a row that steers with it. */
  readonly loadBase: (folder: StoredFolder) => Promise<ServedModel>;
  /** Asks a registered scorer. */
  readonly callScorer: ScorerCaller["call"];
  readonly yieldToEventLoop: () => Promise<void>;
  readonly randomSeed: () => number;
}

/** The names of the request's own model and of the bare base among its row models; the others have paths. */
const OWN = "own";
const BASE = "base";

/**
 * Runs a request on a model that is in memory, from its prompts to the `usage` event; `start` comes once everything is checked
 * that can be refused. Resolves when its last row has left the batch; rejects with the error that ended it. Releases deltas and
 * weights either way.
 */
export async function generate(model: ServedModel, request: GenerateRequest, context: GenerateContext): Promise<void> {
  const { emit, deltaId, randomSeed, callScorer } = context;
  const calls = replyCalls(model, request);
  const rule = replyRule(model, request, calls);
  const prompts = await encodePrompts(model, request.prompt, context.yieldToEventLoop);
  const ending = new AbortController();
  const scorer = candidateScorer(model, request, { callScorer, signal: ending.signal });
  const { steering } = request;
  const base = { ...request.model, weights: null, deltas: [] };
  const own = { [OWN]: request.model, [BASE]: base };
  const further = steering?.conditional.map(({ delta }) => delta) ?? [];
  const models = await acquireOnAllBases(model, {
    tenant: request.tenant,
    models: { ...steering?.models, ...own },
    further,
    deltaId,
    loadBase: context.loadBase,
  });
  try {
    const plan: SteeringPlan =
      steering === undefined
        ? NO_STEERING
        : planSteering(model, { steering, own: request.model, base, models, isChat: request.prompt.kind === "chat" });
    model.loop.reserve(plan.takes.exits ?? []);
    const condition = conditionOf(steering?.conditional ?? [], (met) => models.get(OWN, met).deltas);
    const generations = choicesOf(model, request, {
      prompts,
      plan,
      rule,
      ...(scorer === undefined ? {} : { scorer }),
      ...(calls === undefined ? {} : { calls }),
      modelOf: (row) => models.get(typeof row === "string" ? row : row.at),
      ...(condition === undefined ? {} : { condition }),
      randomSeed,
    });
    emit(startOf(model, request));
    const { cachedTokens, steeringTokens } = await finished(
      model,
      { tenant: request.tenant, generations, emit },
      context,
    );
    emit({
      type: "usage",
      promptTokens: prompts.reduce((sum, { length }) => sum + length, 0),
      completionTokens: completionTokens(generations),
      cachedTokens,
      ...(steering === undefined ? {} : { steeringTokens }),
    });
  } finally {
    ending.abort();
    models.release();
  }
}

function finished(
  { loop }: ServedModel,
  request: Omit<BatchRequest, "settle">,
  { onStart }: GenerateContext,
): Promise<RequestEnd> {
  return new Promise((resolve, reject) => {
    const settle = (end: RequestEnd) => (end.error === undefined ? resolve(end) : reject(end.error));
    const batched: BatchRequest = { ...request, settle };
    loop.submit(batched);
    onStart(() => loop.cancel(batched));
  });
}

function completionTokens(generations: readonly Generation[]): number {
  return generations.reduce((sum, { sequence }) => sum + sequence.generated.length, 0);
}
