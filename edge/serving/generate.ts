import type { GenerateEvent } from "../../shared/decode/events.ts";
import { conditionHolds } from "../../shared/delta/condition.ts";
import { choicesOf, startOf } from "./choices.ts";
import type { BatchRequest, Generation, RequestEnd, RowCondition } from "./generation.ts";
import { encodePrompts } from "./prompt.ts";
import type { ConditionalDelta, GenerateRequest } from "./protocol.ts";
import { acquireRowModels, type RowModels } from "./row-models.ts";
import type { ServedModel } from "./served-model.ts";
import { NO_STEERING, planSteering, type SteeringPlan } from "./steering-plan.ts";

export interface GenerateContext {
  /** Takes every event; must not throw. */
  readonly emit: (event: GenerateEvent) => void;
  /** Called once the request is in the batch, with a function that cancels it. */
  readonly onStart: (cancel: () => void) => void;
  /** The tenant's id for the delta with that digest. */
  readonly deltaId: (digest: string) => string;
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
  const { emit, deltaId, randomSeed } = context;
  const prompts = await encodePrompts(model, request.prompt, context.yieldToEventLoop);
  const { steering } = request;
  const base = { ...request.model, weights: null, deltas: [] };
  const named = { ...steering?.models, [OWN]: request.model, [BASE]: base };
  const further = steering?.conditional.map(({ delta }) => delta) ?? [];
  const models = await acquireRowModels(model, { tenant: request.tenant, models: named, further, deltaId });
  try {
    const plan: SteeringPlan =
      steering === undefined
        ? NO_STEERING
        : planSteering(model, { steering, own: request.model, base, models, isChat: request.prompt.kind === "chat" });
    model.loop.reserve(plan.takes.exits ?? []);
    const condition = conditionOf(models, steering?.conditional ?? []);
    const generations = choicesOf(model, request, {
      prompts,
      plan,
      modelOf: (row) => models.get(typeof row === "string" ? row : row.at),
      ...(condition === undefined ? {} : { condition }),
      randomSeed,
    });
    for (const generation of generations) model.loop.requireRoom(generation, plan);
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
    models.release();
  }
}

/** The conditional deltas of rows that run the request's own model; undefined if there are none. */
function conditionOf(models: RowModels, conditional: readonly ConditionalDelta[]): RowCondition | undefined {
  if (conditional.length === 0) return undefined;
  return {
    taps: [...new Set(conditional.map(({ condition }) => tapOf(condition)))],
    deltas(tap) {
      const met = conditional.filter(({ condition }) => conditionHolds(condition, tap(tapOf(condition))).holds);
      return met.length === 0
        ? undefined
        : models.get(
            OWN,
            met.map(({ delta }) => delta),
          ).deltas;
    },
  };
}

const tapOf = ({ layer }: ConditionalDelta["condition"]): string => `layers.${layer}`;

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
