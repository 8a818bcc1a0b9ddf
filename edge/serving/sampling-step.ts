import type { Sample, SampleRequest, Sampler, StepView, Waiting } from "../../shared/decode/sampler.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { Decoder } from "../runtime/decoder.ts";
import type { PerturbingTurns } from "./perturbing-turns.ts";
import type { OpenGeneration, Row } from "./row.ts";
import type { Slots } from "./slots.ts";
import type { StepStates } from "./step-states.ts";

interface Batch {
  readonly decoder: Pick<Decoder, "probe">;
  readonly slots: Pick<Slots, "slotOf">;
  readonly perturbing: Pick<PerturbingTurns, "step">;
}

/**
 * What the sampler gets of a text whose rows all have states: a generation's only one, or one of its beams. The decoder must have
 * the rows' deltas.
 */
export function sampleRequest(open: OpenGeneration, batch: Batch, members = open.members): SampleRequest {
  const { sequence } = open.generation;
  const [leader] = members as [Row, ...Row[]];
  return {
    row: leader.state,
    settings: sequence.settings,
    logits: leader.states!.logits,
    view: viewOf(open, batch, { members }),
    uniform: sequence.uniform,
    ...(sequence.traced === undefined ? {} : { traced: sequence.traced, noted: notedBefore(leader) }),
  };
}

/** What is known of the text before its first token. */
function notedBefore({ state, reader }: Row): Readonly<Record<string, unknown>> {
  return reader === undefined || state.generated.length > 0 ? {} : { vectors: reader.found() };
}

interface ViewOptions {
  readonly members?: readonly Row[];
  /** Tokens of the text that its rows do not know yet, though they still have the states from before. */
  readonly ahead?: number;
}

/** What a step gives of a text's rows, which all have states. */
export function viewOf(
  open: OpenGeneration,
  { decoder, slots, perturbing }: Batch,
  { members = open.members, ahead = 0 }: ViewOptions = {},
): StepView {
  const [leader] = members as [Row, ...Row[]];
  const member = (role: string): Row => {
    const found = members.find(({ work }) => work.role === role);
    if (found === undefined) throw new TrimtabError("internal_error", `the generation has no row ${role}`);
    return found;
  };
  const states = (role: string): StepStates => {
    const { remotes = [], sequence } = open.generation;
    const remote = remotes.find((one) => one.role === role);
    return remote === undefined ? member(role).states! : remote.statesAt(sequence.generated.length - ahead)!;
  };
  return {
    logits: (role) => states(role).logits,
    final: (role) => (role === undefined ? leader.states! : states(role)).final,
    exit: (layer) => leader.states!.exits.get(layer)!,
    probe(role, tokens, visit) {
      const row = member(role);
      countProbe(open, role, tokens);
      decoder.probe(
        row.work.weights,
        { slot: slots.slotOf(row), position: row.cachedPositions - ahead, tokens },
        visit,
      );
    },
    perturb: (how) => perturbing.step(open, how),
  };
}

/** A step that is taken again, because a neighbour failed or after a wait, costs the text nothing more. */
function countProbe(open: OpenGeneration, role: string, tokens: readonly number[]): void {
  const { length } = open.generation.sequence.generated;
  if (open.probes.length !== length) open.probes = { length, counted: new Set() };
  const probe = JSON.stringify([role, tokens]);
  if (open.probes.counted.has(probe)) return;
  open.probes.counted.add(probe);
  open.steeringTokens += tokens.length;
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

/** A failure of the request alone; throws anything else. */
export function failed(error: unknown): Failed {
  if (error instanceof TrimtabError && error.code !== "internal_error") return { error };
  throw error;
}
