import type { GenerateEvent } from "../../../shared/decode/events.ts";
import type { Beam } from "../../../shared/search/beam.ts";
import type { Choice } from "../choices.ts";
import type { BatchRequest, Generation, GenerationRow, RequestEnd } from "../generation.ts";
import { BeamTexts } from "./beam-texts.ts";
import { budgetOf, withReport } from "./search-choice.ts";
import type { Running, SearchLoop, SearchRun } from "./search-run.ts";

/** Follows the beams of one choice and emits the events of the best text. Emits nothing once the run is aborted. */
export async function searchBeams(run: SearchRun, choice: Choice, asked: Beam): Promise<void> {
  const budget = budgetOf(choice, asked);
  const maxTokens = beamTokens(choice, asked);
  await run.permits.take(asked.best_of);
  const { loop, tenant } = run.options;
  const beams = new BeamRequest(loop, { tenant, choice, asked, maxTokens });
  if (!(await run.begin([beams]))) return;
  const end = await beams.end;
  if (run.signal.aborted) return;
  const { made, results, completion } = beams;
  run.count(choice, { completion, made, ends: [end] });
  const report = {
    method: asked.method,
    candidates: asked.best_of,
    score: results[0]!,
    scores: results,
    chosen: 0,
    tokens: made,
    budget,
    // Texts that the budget alone cut short.
    ended: maxTokens < choice.maxTokens && completion === maxTokens ? "budget" : "complete",
  } as const;
  await run.release(withReport(beams.events, report));
}

/** Tokens that each beam may have: an equal share of the budget. */
export function beamTokens(choice: Pick<Choice, "maxTokens">, asked: Beam): number {
  return Math.min(choice.maxTokens, Math.floor(budgetOf(choice, asked) / asked.best_of));
}

interface BeamRequestOptions {
  readonly tenant: string;
  readonly choice: Choice;
  readonly asked: Beam;
  readonly maxTokens: number;
}

/** All beams of a choice in the batch, as one generation. */
class BeamRequest implements Running {
  readonly request: BatchRequest;
  readonly permits: number;
  readonly events: GenerateEvent[] = [];
  readonly end: Promise<RequestEnd>;
  readonly #loop: Pick<SearchLoop, "cancel">;
  readonly #texts: BeamTexts;
  readonly #generation: Generation;

  constructor(loop: Pick<SearchLoop, "cancel">, { tenant, choice, asked, maxTokens }: BeamRequestOptions) {
    this.#loop = loop;
    this.permits = asked.best_of;
    const { rows, sequence } = choice.generation(0, { maxTokens });
    this.#texts = new BeamTexts({
      settings: {
        beams: asked.best_of,
        groups: asked.groups,
        diversity: asked.diversity,
        maxTokens,
        lengthPenalty: asked.length_penalty,
        earlyStopping: asked.early_stopping,
        endTokens: choice.endTokens.size,
      },
      ends: (token, tokens) => choice.endTokens.has(token) || choice.hasStop(tokens),
      topLogprobs: sequence.topLogprobs,
      traced: sequence.traced,
    });
    const all = this.#texts.texts.flatMap((text) => rows.map((row): GenerationRow => ({ ...row, text })));
    this.#generation = { rows: all as unknown as Generation["rows"], sequence, beams: this.#texts };
    const { promise, resolve, reject } = Promise.withResolvers<RequestEnd>();
    this.end = promise;
    this.request = {
      tenant,
      generations: [this.#generation],
      emit: (event) => void this.events.push(event),
      settle: (end) => (end.error === undefined ? resolve(end) : reject(end.error)),
    };
  }

  get made(): number {
    return this.#texts.made;
  }

  get results(): readonly number[] {
    return this.#texts.results;
  }

  /** Tokens of the text that is returned. */
  get completion(): number {
    return this.#generation.sequence.generated.length;
  }

  stop(): void {
    this.#loop.cancel(this.request);
  }
}
