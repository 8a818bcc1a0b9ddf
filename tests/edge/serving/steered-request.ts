/** Requests with several rows, on a tiny model. */
import { BARE, type RowDeltas } from "../../../edge/runtime/serving-delta.ts";
import type { WeightSet } from "../../../edge/runtime/weight-set.ts";
import { BatchLoop, type BatchLoopOptions } from "../../../edge/serving/batch-loop.ts";
import type {
  BatchRequest,
  Generation,
  GenerationRow,
  RemoteRow,
  RequestEnd,
} from "../../../edge/serving/generation.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import type { GenerateEvent, SteeringTrace } from "../../../shared/decode/events.ts";
import { LEADER } from "../../../shared/decode/processor.ts";
import type { DecodeSettings } from "../../../shared/decode/registry.ts";
import { Sequence } from "../../../shared/decode/sequence.ts";
import { createRandom } from "../../../shared/random.ts";
import { TINY, type TinyOptions, tinyParts } from "../runtime/tiny-model.ts";

export interface Wish {
  readonly rows: readonly Partial<GenerationRow>[];
  readonly settings: DecodeSettings;
  readonly maxTokens?: number;
  readonly traced?: number;
  readonly seed?: number;
  readonly tenant?: string;
  readonly remotes?: readonly RemoteRow[];
  /** Called at every token, with how many there are. */
  readonly onToken?: (count: number) => void;
}

export async function tinyLoop(options: TinyOptions = {}, changes: Partial<BatchLoopOptions> = {}) {
  const tiny = await tinyParts(options);
  const counted = { turns: 0 };
  const yielding = () => {
    counted.turns++;
    return yieldToEventLoop();
  };
  const loop = new BatchLoop({ ...tiny, chunk: 4, keepPrompts: true, yieldToEventLoop: yielding, ...changes });
  return { ...tiny, loop, counted };
}

export function ask(loop: BatchLoop, weights: WeightSet, wish: Wish) {
  const { rows, settings, maxTokens = 8, traced, seed = 5, tenant = "acme", remotes } = wish;
  const tokens: number[] = [];
  const traces: SteeringTrace[] = [];
  const random = createRandom(seed);
  const sequence = new Sequence({
    choice: 0,
    settings,
    maxTokens,
    stop: [],
    endTokens: new Set(),
    topLogprobs: 0,
    ...(traced === undefined ? {} : { traced }),
    uniform: () => random.float(),
    decoder: { push: () => "", flush: () => "" },
    describe: (token) => ({ token: String(token), bytes: [] }),
  });
  const all = rows.map((row, i): GenerationRow => {
    const deltas: RowDeltas = row.deltas ?? BARE;
    const role = row.role ?? (i === 0 ? LEADER : `companion ${i}`);
    return { role, prompt: [3, 1, 4], weights, stateKey: deltas === BARE ? "bare" : "delta", ...row, deltas };
  });
  const { promise: end, resolve, reject } = Promise.withResolvers<RequestEnd>();
  const emit = (event: GenerateEvent) => {
    if (event.type !== "token") return;
    tokens.push(...(event.logprobs ?? []).map(({ id }) => id));
    if (event.trace !== undefined) traces.push(event.trace);
    wish.onToken?.(tokens.length);
  };
  const settle = (ended: RequestEnd) => (ended.error === undefined ? resolve(ended) : reject(ended.error));
  const generation: Generation = {
    rows: all as unknown as Generation["rows"],
    sequence,
    ...(remotes === undefined ? {} : { remotes }),
  };
  const request: BatchRequest = { tenant, generations: [generation], emit, settle };
  loop.submit(request);
  return { request, tokens, traces, end };
}

/** A prompt of that many tokens. */
export const tokens = (length: number, from: number) =>
  Array.from({ length }, (_, i) => (from + 7 * i) % TINY.vocabSize);
export const GREEDY = { greedy: true };
