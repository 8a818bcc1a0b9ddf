import type { EditSettings } from "../../../shared/api/edit-settings.ts";
import { checkEdit } from "../../../shared/api/edit-settings.ts";
import { settingsPath } from "../../../shared/api/methods.ts";
import type { KeyStatistics } from "../../../shared/edits/key-statistics.ts";
import type { EditReport } from "../../../shared/edits/report.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { EvaluationProbes } from "../../../shared/evaluation/probes.ts";
import { type ChatTemplate, loadChatTemplate } from "../../../shared/model/chat-template.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { Weights } from "../../../shared/model/weights.ts";
import { baseStatistics } from "../../edits/base-statistics.ts";
import { baseTracing, knownFacts, trueFacts } from "../../edits/base-tracing.ts";
import { type EditStart, startOn } from "../../edits/earlier-edits.ts";
import { readFacts, readProbes, statisticsTexts } from "../../edits/edit-inputs.ts";
import { EditModel } from "../../edits/edit-model.ts";
import { askedLayers, autoLayers, editPlan } from "../../edits/edit-plan.ts";
import { type EditedSubject, openEditedSubject } from "../../edits/edited-subject.ts";
import { createFactEncoder, type FactEncoder, type PlacedFact } from "../../edits/encode-facts.ts";
import { fittingPrompts } from "../../edits/fitting-prompts.ts";
import { prefixesOf, samplePrefixes, sentencePrefixes } from "../../edits/prefixes.ts";
import type { ScoredFact } from "../../edits/score-edits.ts";
import { scorePrompts } from "../../edits/score-prompts.ts";
import type { RecipeContext, RecipeJob } from "../recipe.ts";
import { endTokens } from "../reinforcement/end-tokens.ts";

export type Say = (message: string, data?: Readonly<Record<string, unknown>>, level?: "info" | "warn") => void;

/** Everything that an edit is solved and measured with. The caller closes it. */
export interface PreparedEdit {
  readonly say: Say;
  /** Seconds on the context's clock. */
  readonly clock: () => number;
  readonly began: number;
  readonly seconds: {
    statistics: number;
    tracing: number;
    values: number;
    solve: number;
    refine: number;
    scoring: number;
  };
  /** The bare base. */
  readonly base: { readonly config: ModelConfig; readonly weights: Weights };
  readonly start: EditStart;
  readonly tokenizer: Tokenizer;
  readonly encoder: FactEncoder;
  readonly isEnd: (token: number) => boolean;
  readonly probes: EvaluationProbes;
  readonly scored: readonly ScoredFact[];
  readonly subject: EditedSubject;
  readonly layers: readonly number[];
  readonly layersFrom: EditReport["layers_from"];
  readonly statistics: ReadonlyMap<number, KeyStatistics>;
  /** The texts that they come from, where the base did not write them itself. */
  readonly texts: readonly Int32Array[] | undefined;
  /** Tokens of the prompts and targets. */
  readonly tokens: number;
  /** The length that values are scaled to, once it is known. */
  anchor: number | undefined;
  close(): Promise<void>;
}

/** Reports about every second and at the end, however often it is called. */
export function paced(now: () => number, say: (done: number, of: number) => void): (done: number, of: number) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (done, of) => {
    if (done < of && now() - last < 1) return;
    last = now();
    say(done, of);
  };
}

/** Facts by which layers are chosen, draws of the noise for each, and its standard deviation over that of the embeddings. */
const TRACING = { facts: 50, samples: 4, noise: 3 } as const;

/** Reads the job's files, chooses the layers and takes the key statistics. Throws as `edit` does. */
export async function prepareEdit(job: RecipeJob<EditSettings>, context: RecipeContext): Promise<PreparedEdit> {
  const { settings, seed } = job;
  const { executor, event, yieldToEventLoop, baseArtefacts: artefacts } = context;
  const { options } = settings;
  const say: Say = (message, data = {}, level = "info") =>
    event({ level, message, type: "message", data: { ...data } });
  if (executor.notice !== undefined) event({ level: "warn", message: executor.notice, type: "message", data: null });
  if (job.parent !== undefined) {
    throw new TrimtabError("invalid_request", "`model` must be a base; name its deltas in `on`.", { param: "model" });
  }
  const clock = () => context.now() / 1000;
  const began = clock();
  const seconds = { statistics: 0, tracing: 0, values: 0, solve: 0, refine: 0, scoring: 0 };
  const facts = readFacts(job);
  const { config, weights, tokenizer } = loadModelFolder(job.base.files);
  const base = { config, weights };
  const path = settingsPath(job);
  checkEdit(settings, config, path);
  const start = startOn(base, { on: settings.on, path }, job.models ?? new Map());
  let loaded: ChatTemplate | undefined;
  const date = new Date(job.createdAt * 1000);
  const template = () => (loaded ??= loadChatTemplate(tokenizer, { clock: () => date }));
  const encoder = createFactEncoder({ tokenizer, template, format: options.format, maxLength: config.maxPositions });
  const ends = endTokens(job.base.files, { tokenizer, vocabSize: config.vocabSize, isChat: options.format === "chat" });
  const isEnd = (token: number) => ends.has(token);
  const probes = readProbes(job);

  const given = statisticsTexts(job, { tokenizer, template, maxLength: config.maxPositions });
  const sentences = given === undefined ? [] : sentencePrefixes(tokenizer, given.texts, seed);
  const drawn = { tokenizer, seed, count: options.prefixes };
  const pool =
    sentences.length > options.prefixes
      ? sentences
      : await samplePrefixes(executor, { config: start.config, weights: start.weights, ...drawn, yieldToEventLoop });
  const scored = scoredFacts(facts, {
    ...{ encoder, pool, seed, count: options.prefixes, probes, maxLength: config.maxPositions },
  });

  const { layers, from } = await chooseLayers();
  const mark = clock();
  const statistics = await baseStatistics(executor, {
    ...{ ...base, tokenizer, layers, tokens: options.statistics_tokens, artefacts, yieldToEventLoop },
    given,
    onStart: ({ source, tokens }) =>
      say(`Taking key statistics over up to ${tokens} tokens (${source})`, {
        phase: "statistics",
        done: 0,
        of: tokens,
      }),
    onRead: paced(clock, (done, of) => say(`Read ${done} of ${of} tokens`, { phase: "statistics", done, of })),
  });
  seconds.statistics = clock() - mark;
  const subject = openEditedSubject(executor, {
    ...{ config: start.config, weights: start.weights, layers, padId: tokenizer.padId, yieldToEventLoop },
  });
  return {
    ...{
      say,
      clock,
      began,
      seconds,
      base,
      start,
      tokenizer,
      encoder,
      isEnd,
      probes,
      scored,
      subject,
      layers,
      statistics,
    },
    texts: given?.texts,
    ...{ layersFrom: from, anchor: undefined, close: () => subject.close() },
    tokens: scored.reduce((sum, { encoded }) => sum + encoded.contexts[0]!.ids.length + encoded.target.length, 0),
  };

  /** As asked, or where causal tracing of the bare base finds that facts are recalled. */
  async function chooseLayers(): Promise<{ layers: readonly number[]; from: EditReport["layers_from"] }> {
    const asked = askedLayers(options);
    if (asked !== undefined) return { layers: asked, from: "request" };
    const own = knownFacts(probes.facts);
    const candidates = own.length > 0 ? own : trueFacts(facts.map(({ fact }) => fact));
    // What is known already is left out later, but takes part in this choice.
    const { method } = editPlan(settings, { facts: facts.length, earlier: start.edits.length });
    const shape = { layers: config.layers, method };
    if (candidates.length === 0) return { layers: autoLayers(undefined, shape), from: "default" };
    const begin = clock();
    const traced = new EditModel({ executor, ...base, layers: [], yieldToEventLoop });
    const bare = openEditedSubject(executor, { ...base, layers: [], padId: tokenizer.padId, yieldToEventLoop });
    const plain = createFactEncoder({ tokenizer, template, format: "text", maxLength: config.maxPositions });
    try {
      const tracing = await baseTracing(traced, {
        ...{ source: own.length > 0 ? ("base" as const) : ("file" as const), candidates, ...TRACING },
        ...{ encoder: plain, tokenizer, weights, subject: bare, artefacts },
        onTraced: paced(clock, (done, of) => say(`Traced ${done} of ${of} facts`, { phase: "tracing", done, of })),
      });
      const found = autoLayers(tracing?.best_layer, shape);
      return { layers: found, from: tracing === undefined ? "default" : "tracing" };
    } finally {
      await Promise.all([traced.dispose(), bare.close()]);
      seconds.tracing = clock() - begin;
    }
  }
}

function scoredFacts(
  facts: readonly PlacedFact[],
  { encoder, pool, seed, count, probes, maxLength }: ScoredFactsOptions,
): ScoredFact[] {
  const all = facts.map(({ fact }) => fact);
  const known = probes.facts.flatMap(({ subject, prompt }) => (subject === undefined ? [] : [{ subject, prompt }]));
  return facts.map((placed): ScoredFact => {
    const { own, rest } = prefixesOf(pool, placed.fact, { seed, count });
    const encoded = encoder.encode(placed, own);
    const prompts = scorePrompts(placed.fact, { facts: all, known, prefixes: rest });
    return { encoded, prompts: fittingPrompts(placed, prompts, { encoder, target: encoded.target, maxLength }) };
  });
}

interface ScoredFactsOptions {
  readonly encoder: FactEncoder;
  readonly pool: readonly string[];
  readonly seed: number;
  readonly count: number;
  readonly probes: EvaluationProbes;
  readonly maxLength: number;
}
