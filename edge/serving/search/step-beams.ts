import type { GenerateEvent } from "../../../shared/decode/events.ts";
import type { Sampler, Waiting } from "../../../shared/decode/sampler.ts";
import type { Decoder } from "../../runtime/decoder.ts";
import type { KvSlab } from "../../runtime/kv-slab.ts";
import type { BeamChoice, Beams } from "../generation.ts";
import type { PerturbingTurns } from "../perturbing-turns.ts";
import type { OpenGeneration, Row } from "../row.ts";
import { type Failed, failed, sampleRequest } from "../sampling-step.ts";
import type { Slots } from "../slots.ts";

export interface BeamBatch {
  readonly decoder: Pick<Decoder, "probe">;
  readonly slots: Pick<Slots, "slotOf">;
  readonly perturbing: Pick<PerturbingTurns, "step">;
  readonly slab: Pick<KvSlab, "copy">;
  readonly sampler: Pick<Sampler, "scores" | "fork">;
}

export interface BeamsStepped {
  readonly events: readonly GenerateEvent[];
  readonly finished: boolean;
}

/**
 * Takes one step of all beams of a generation, whose rows all have states: scores the next tokens, lets the search choose, and
 * moves what the rows have computed to where it goes on. The decoder must have the rows' deltas. Gives the events of the whole text
 * once the search has ended. Throws what leaves the runtime in doubt.
 */
export function stepBeams(open: OpenGeneration, batch: BeamBatch): BeamsStepped | Waiting | Failed {
  const { beams, sequence } = open.generation as typeof open.generation & { readonly beams: Beams };
  const rows = placesOf(open.members, beams.count);
  const requests = beams.running.map((place) => sampleRequest(open, batch, rows[place]!));
  let choice: BeamChoice;
  try {
    const scored = batch.sampler.scores(requests);
    const waits = scored.flatMap((one) => ("waits" in one ? [one.waits] : []));
    if (waits.length > 0) return { waits: Promise.all(waits).then(() => {}) };
    choice = beams.choose(
      scored.map((one, i) => ({ ...(one as Exclude<typeof one, Waiting>), logits: requests[i]!.logits })),
    );
  } catch (error) {
    return failed(error);
  }
  const { next, won } = choice;
  if (won === undefined) {
    move(next, { rows, texts: beams.texts, batch });
    return { events: [], finished: false };
  }
  const all: GenerateEvent[] = [];
  for (const { token, score, trace } of won) {
    const { events, finished } = sequence.accept(token, score, trace);
    all.push(...events);
    if (finished) return { events: all, finished };
  }
  // The search ended the text by a stop sequence that the sequence does not find.
  return { events: [...all, { type: "finish", choice: sequence.choice, reason: "stop" }], finished: true };
}

function move(
  next: BeamChoice["next"],
  { rows, texts, batch }: { rows: readonly (readonly Row[])[]; texts: Beams["texts"]; batch: BeamBatch },
): void {
  const { slab, slots, sampler } = batch;
  const copies = next.filter(({ place, from }) => place !== from);
  for (const { place, from } of copies) {
    for (const [r, row] of rows[from]!.entries()) {
      const to = rows[place]![r]!;
      slab.copy(slots.slotOf(row), slots.slotOf(to), row.cachedPositions);
    }
    texts[place]!.splice(0, texts[place]!.length, ...texts[from]!);
  }
  sampler.fork(
    copies.flatMap(({ place, from }) =>
      rows[from]!.map((row, r) => {
        const to = rows[place]![r]!;
        return { from: row.state, to: to.state, slot: slots.slotOf(to) };
      }),
    ),
  );
  for (const { place, token } of next) {
    texts[place]!.push(token);
    for (const row of rows[place]!) row.states = undefined;
  }
}

/** The rows of each place. */
function placesOf(members: readonly Row[], count: number): (readonly Row[])[] {
  const size = members.length / count;
  return Array.from({ length: count }, (_, place) => members.slice(place * size, (place + 1) * size));
}
