import type { GenerateEvent } from "../../shared/decode/events.ts";
import { choicesOf, startOf } from "./choices.ts";
import type { BatchRequest, Generation, RequestEnd } from "./generation.ts";
import { encodePrompts } from "./prompt.ts";
import type { GenerateRequest } from "./protocol.ts";
import { requestedDeltas } from "./requested-deltas.ts";
import type { ServedModel } from "./served-model.ts";

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

/**
 * Runs a request on a model that is in memory, from its prompts to the `usage` event; `start` comes once all that can be refused is checked. Resolves when its last row has
 * left the batch; rejects with the error that ended it. Releases deltas and weights either way.
 */
export async function generate(model: ServedModel, request: GenerateRequest, context: GenerateContext): Promise<void> {
  const { emit, deltaId, randomSeed } = context;
  const prompts = await encodePrompts(model, request.prompt, context.yieldToEventLoop);
  const acquired = await model.deltas(request.tenant, request.model.deltas);
  try {
    const deltas = requestedDeltas(
      request.model.deltas.map(({ digest, weight }, i) => ({
        id: deltaId(digest),
        delta: acquired.values[i]!,
        weight,
      })),
      { endRank: model.loop.largestRank },
    );
    const weights = await model.weights(request.model.weights);
    try {
      const generations = choicesOf(model, request, { prompts, weights: weights.set, deltas, randomSeed });
      emit(startOf(model, request));
      const { cachedTokens } = await finished(model, { tenant: request.tenant, generations, emit }, context);
      emit({
        type: "usage",
        promptTokens: prompts.reduce((sum, { length }) => sum + length, 0),
        completionTokens: completionTokens(generations),
        cachedTokens,
      });
    } finally {
      weights.release();
    }
  } finally {
    acquired.release();
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
