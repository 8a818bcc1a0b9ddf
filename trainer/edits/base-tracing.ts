import { subjectPlace } from "../../shared/edits/check-facts.ts";
import type { EditFact } from "../../shared/edits/fact.ts";
import { decodeTracing, encodeTracing, TRACING_FORMAT, type Tracing, tracingName } from "../../shared/edits/tracing.ts";
import { beginsWithAnswer } from "../../shared/evaluation/answers.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { EMBEDDING } from "../../shared/model/modules.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { BaseArtefacts } from "../recipes/recipe.ts";
import type { EditModel } from "./edit-model.ts";
import type { EditedSubject } from "./edited-subject.ts";
import { type FactEncoder, lastTokenOf } from "./encode-facts.ts";
import { type TracedFact, traceFacts } from "./trace-facts.ts";

/** A statement whose end the model may know. */
export interface KnownFact {
  readonly prompt: string;
  readonly subject: string;
  readonly answer: string;
}

export interface TracingOptions {
  readonly source: Tracing["source"];
  readonly candidates: readonly KnownFact[];
  /** The most facts that are traced. */
  readonly facts: number;
  readonly samples: number;
  readonly noise: number;
  readonly encoder: FactEncoder;
  readonly tokenizer: Tokenizer;
  readonly weights: Weights;
  readonly subject: EditedSubject;
  /** Kept with the base where the facts are the base's own. */
  readonly artefacts: BaseArtefacts | undefined;
  readonly onTraced: (facts: number, of: number) => void;
}

const SEED = 20_220_210;
/** Candidates for each fact that is traced, of which those that the model knows are taken. */
const CANDIDATES = 3;
const ANSWER_TOKENS = 12;

/** The base's facts, which its evaluation.json names a subject of. */
export function knownFacts(
  facts: readonly { prompt: string; answer: string; subject?: string | undefined }[],
): KnownFact[] {
  return facts.flatMap(({ prompt, answer, subject }) =>
    subject === undefined || typeof subjectPlace(prompt, subject) === "string" ? [] : [{ prompt, answer, subject }],
  );
}

/** Facts of a file that say what the model knows so far. */
export function trueFacts(facts: readonly EditFact[]): KnownFact[] {
  return facts.flatMap(({ prompt, subject, target_true: answer }) =>
    answer === undefined ? [] : [{ prompt, subject, answer }],
  );
}

/** Traces facts that the model knows, or reads what an earlier job traced. undefined where it knows none of them. */
export async function baseTracing(model: EditModel, options: TracingOptions): Promise<Tracing | undefined> {
  const { source, candidates, facts: most, samples, noise, artefacts, subject, encoder, tokenizer, weights } = options;
  const kept = source === "base" ? artefacts : undefined;
  const texts = await sha256Hex(new TextEncoder().encode(JSON.stringify(candidates)));
  const name = await tracingName({ samples, noise, facts: most, texts });
  const bytes = await kept?.read(name);
  if (bytes !== undefined) return decodeTracing(bytes);
  const step = Math.max(1, Math.floor(candidates.length / (CANDIDATES * most)));
  const asked = candidates.filter((_, index) => index % step === 0).slice(0, CANDIDATES * most);
  const prompts = asked.map(({ prompt }) => encoder.prompt(prompt));
  const isEnd = (token: number) => token === tokenizer.eosId;
  const greedy = await subject.continue(subject.unedited, prompts, { maxTokens: ANSWER_TOKENS, isEnd });
  const known = asked.flatMap((fact, i): TracedFact[] => {
    if (!beginsWithAnswer(encoder.text(prompts[i]!, greedy[i]!), fact.answer.trim())) return [];
    const span = subjectSpan(tokenizer, prompts[i]!, fact);
    const answer = greedy[i]![0];
    if (span === undefined || answer === undefined) return [];
    return [{ ids: Int32Array.from(prompts[i]!), ...span, answer, name: fact.prompt }];
  });
  const facts = known.slice(0, most);
  if (facts.length === 0) return undefined;
  const traced = await traceFacts(model, facts, {
    ...{ samples, seed: SEED, deviation: noise * deviationOf(weights.get(EMBEDDING)!.data) },
    onTraced: (count) => options.onTraced(count, facts.length),
  });
  const atSubject = traced.effects.mlp.subject_last!;
  const tracing: Tracing = {
    ...{ format: TRACING_FORMAT, layers: model.config.layers, source, facts: facts.length, samples, noise },
    ...({ clean: traced.clean, corrupted: traced.corrupted, ...traced.effects } as Pick<
      Tracing,
      "clean" | "corrupted" | "mlp" | "stream"
    >),
    best_layer: atSubject.indexOf(Math.max(...atSubject)),
  };
  await kept?.write(name, encodeTracing(tracing));
  return tracing;
}

function subjectSpan(
  tokenizer: Tokenizer,
  ids: readonly number[],
  { prompt, subject }: KnownFact,
): { readonly first: number; readonly last: number } | undefined {
  const place = subjectPlace(prompt, subject);
  if (typeof place === "string") return undefined;
  const text = prompt.trim();
  const cut = prompt.length - prompt.trimStart().length;
  const last = lastTokenOf(tokenizer, ids, { text, end: place.end - cut });
  const first = lastTokenOf(tokenizer, ids, { text, end: place.start - cut + 1 });
  return first === undefined || last === undefined ? undefined : { first, last };
}

function deviationOf(values: Float32Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  return Math.sqrt(squares / values.length - mean * mean);
}
