import type { Sample, SampleRequest, Sampler, StepView, Waiting } from "../../shared/decode/sampler.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { Decoder } from "../runtime/decoder.ts";
import type { PerturbingTurns } from "./perturbing-turns.ts";
import type { OpenGeneration, Row, StepStates } from "./row.ts";
import type { Slots } from "./slots.ts";

interface Batch {
  readonly decoder: Pick<Decoder, "probe">;
  readonly slots: Pick<Slots, "slotOf">;
  readonly perturbing: Pick<PerturbingTurns, "step">;
}

/** What the sampler gets of a generation whose rows all have states. The decoder must have the rows' deltas. */
export function sampleRequest(open: OpenGeneration, batch: Batch): SampleRequest {
  const { sequence } = open.generation;
  const [leader] = open.members as [Row, ...Row[]];
  return {
    row: leader.state,
    settings: sequence.settings,
    logits: leader.states!.logits,
    view: viewOf(open, batch),
    uniform: sequence.uniform,
    ...(sequence.traced === undefined ? {} : { traced: sequence.traced }),
  };
}

function viewOf(open: OpenGeneration, { decoder, slots, perturbing }: Batch): StepView {
  const [leader] = open.members as [Row, ...Row[]];
  const member = (role: string): Row => {
    const found = open.members.find(({ work }) => work.role === role);
    if (found === undefined) throw new TrimtabError("internal_error", `the generation has no row ${role}`);
    return found;
  };
  const states = (role: string): StepStates => member(role).states!;
  return {
    logits: (role) => states(role).logits,
    final: (role) => (role === undefined ? leader.states! : states(role)).final,
    exit: (layer) => leader.states!.exits.get(layer)!,
    probe(role, tokens, visit) {
      const row = member(role);
      open.steeringTokens += tokens.length;
      decoder.probe(row.work.weights, { slot: slots.slotOf(row), position: row.cachedPositions, tokens }, visit);
    },
    perturb: (how) => perturbing.step(open, how),
  };
}

export interface Failed {
  readonly error: TrimtabError;
}

/**
 * Samples all rows together. Where a processor throws, each row is sampled alone and only those that throw fail: a request
 * must not end its neighbours. Throws what leaves the runtime in doubt: everything but a `TrimtabError`, and `internal_error`.
 */
export function sampleEach(sampler: Sampler, requests: readonly SampleRequest[]): (Sample | Waiting | Failed)[] {
  try {
    return sampler.sample(requests);
  } catch (error) {
    if (requests.length < 2) return requests.map(() => failed(error));
    return requests.flatMap((request) => sampleEach(sampler, [request]));
  }
}

function failed(error: unknown): Failed {
  if (error instanceof TrimtabError && error.code !== "internal_error") return { error };
  throw error;
}
