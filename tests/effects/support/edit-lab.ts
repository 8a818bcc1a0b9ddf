/** The embedded base opened for edits, to measure what they do to it: with the parts that a job has, and without a job around them. */

import { type DocumentKind, renderDocument } from "../../../infra/base/corpus/document.ts";
import { takeDocuments } from "../../../infra/base/corpus/index.ts";
import type { EditScores } from "../../../shared/edits/report.ts";
import { parseCorpus } from "../../../shared/evaluation/corpus.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { weightName } from "../../../shared/model/modules.ts";
import { f32 } from "../../../shared/tensor.ts";
import { EditModel, editedModule } from "../../../trainer/edits/edit-model.ts";
import { type EditedValues, openEditedSubject } from "../../../trainer/edits/edited-subject.ts";
import { createFactEncoder } from "../../../trainer/edits/encode-facts.ts";
import { prefixesOf, sentencePrefixes } from "../../../trainer/edits/prefixes.ts";
import { keptTexts } from "../../../trainer/edits/refine/kept-texts.ts";
import {
  askFacts,
  type FactAnswers,
  keptNeighbours,
  type ScoredFact,
  sharesOf,
} from "../../../trainer/edits/score-edits.ts";
import { scorePrompts } from "../../../trainer/edits/score-prompts.ts";
import { type SecondMoments, secondMoments } from "../../../trainer/edits/second-moments.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { embeddedBase } from "../../fixtures/classifiers/train.ts";
import { editFacts, type MeasuredFact } from "./edit-facts.ts";

/** Kinds of documents that state no fact: what an edit must leave as it was. */
const OTHER_KINDS: readonly DocumentKind[] = ["prose", "review", "register", "task"];
const OTHER_SEED = 90_210;
const OTHER_CHARACTERS = 120_000;
const OTHER_TEXTS = 120;
const OBJECT_TOKENS = 13;
const KEPT_TOKENS = 64_000;

export interface LabOptions {
  readonly executor: Executor;
  readonly seed: number;
  /** The layers that may change. */
  readonly layers: readonly number[];
  /** Texts before each prompt. */
  readonly prefixes: number;
  readonly statisticsTokens: number;
}

/** A fact that the base knows, with what it says without an edit. */
export interface LabFact extends ScoredFact {
  readonly before: FactAnswers;
}

export interface EditLab {
  /** Its weights change with every edit, until it is reset. */
  readonly model: EditModel;
  readonly statistics: SecondMoments;
  /** Facts that the base knows, the first `count` of all. */
  facts(count?: number): Promise<LabFact[]>;
  /** Free-running scores of facts on the model as it is now, against the unedited base. */
  score(facts: readonly LabFact[]): Promise<EditScores>;
  /** The same, of one fact after the other, for facts that are edited alone: what they answered so far. */
  answers(facts: readonly LabFact[]): Promise<FactAnswers[]>;
  /** Texts of the base that an edit of these facts shall leave alone, and what other facts say. */
  kept(facts: readonly LabFact[], stated: readonly LabFact[]): Promise<Int32Array[]>;
  readonly padId: number;
  /** Mean loss in nats on texts that state no fact, now over that of the unedited base, less 1. */
  lossChange(): Promise<number>;
  close(): Promise<void>;
}

export async function openEditLab(options: LabOptions): Promise<EditLab> {
  const { executor, seed, layers, prefixes: count, statisticsTokens } = options;
  const files: ReadonlyMap<string, Uint8Array> = embeddedBase();
  const { config, weights, tokenizer } = loadModelFolder(files);
  const alone = { config, weights, padId: tokenizer.padId, yieldToEventLoop: async () => undefined };
  const encoded = (text: string) => Int32Array.from(tokenizer.encodeTrusted(text)).subarray(0, config.maxPositions);
  const texts = parseCorpus(files.get("corpus.jsonl")!).map(encoded);
  const statistics = await secondMoments(executor, upTo(statisticsTokens, texts), { ...alone, layers });
  const template = () => loadChatTemplate(tokenizer);
  const encoder = createFactEncoder({ tokenizer, template, format: "text", maxLength: config.maxPositions });
  const subject = openEditedSubject(executor, { ...alone, layers });
  const model = new EditModel({ executor, ...alone, layers });
  const pool = sentencePrefixes(tokenizer, texts, seed);
  const asking = { encoder, isEnd: (token: number) => token === tokenizer.eosId, forced: false };

  const current = (): EditedValues =>
    new Map(
      layers.map((layer) => {
        const { shape, data } = model.weight(layer);
        return [weightName(editedModule(layer)), f32(shape, Float32Array.from(data))] as const;
      }),
    );
  const others = takeDocuments(OTHER_SEED, OTHER_CHARACTERS).filter(({ kind }) => OTHER_KINDS.includes(kind));
  const otherIds = others.slice(0, OTHER_TEXTS).map((document) => encoded(renderDocument(document)));
  const loss = async (values: EditedValues) => {
    const scores = await subject.score(
      values,
      otherIds.map((ids) => ({ ids, labels: ids })),
    );
    const sum = (of: (score: (typeof scores)[number]) => number) => scores.reduce((total, one) => total + of(one), 0);
    return -sum(({ logProbability }) => logProbability) / sum(({ tokens }) => tokens);
  };
  let unedited: Promise<number> | undefined;

  async function continued(prompts: readonly string[]): Promise<string[]> {
    const ids = prompts.map((prompt) => encoder.prompt(prompt));
    const texts = await subject.continue(subject.unedited, ids, { maxTokens: OBJECT_TOKENS, isEnd: asking.isEnd });
    return texts.map((tokens, i) => encoder.text(ids[i]!, tokens));
  }
  const scored = ({ relation: _, ...fact }: MeasuredFact, index: number): ScoredFact => ({
    encoded: encoder.encode({ index, line: index + 1, fact }, prefixesOf(pool, fact, { seed, count }).own),
    prompts: scorePrompts(fact, { facts: [], known: [], prefixes: [] }),
  });
  const answers = (facts: readonly LabFact[]) => askFacts(subject, current(), facts, asking);

  return {
    model,
    statistics,
    async facts(most) {
      const all = await editFacts(continued, { seed, ...(most === undefined ? {} : { count: most }) });
      const asked = all.map(scored);
      const before = await askFacts(subject, subject.unedited, asked, asking);
      return asked.map((fact, i) => ({ ...fact, before: before[i]! }));
    },
    padId: tokenizer.padId,
    kept: (facts, stated) =>
      keptTexts(texts, {
        ...{ tokenizer, seed, tokens: KEPT_TOKENS, longest: config.maxPositions },
        yieldToEventLoop: alone.yieldToEventLoop,
        subjects: facts.map(({ encoded }) => encoded.fact.subject),
        stated: stated.map(({ encoded }) => Int32Array.from([...encoded.contexts[0]!.ids, ...encoded.target])),
      }),
    answers,
    score: async (facts) => scoresOf(facts, await answers(facts)),
    async lossChange() {
      // One after the other: the scorer's programs are shared, and freed after each.
      unedited ??= loss(subject.unedited);
      const before = await unedited;
      return (await loss(current())) / before - 1;
    },
    async close() {
      await Promise.all([subject.close(), model.dispose()]);
    },
  };
}

/** Shares of what the facts answer after an edit. */
export function scoresOf(facts: readonly LabFact[], after: readonly FactAnswers[]): EditScores {
  return sharesOf(after.map((one, i) => ({ ...one, neighbours: keptNeighbours(facts[i]!.before, one) })));
}

function upTo(tokens: number, texts: readonly Int32Array[]): Int32Array[] {
  let taken = 0;
  return texts.filter(({ length }) => {
    taken += length;
    return taken <= tokens;
  });
}
