/** Critique and revision of replies. */
import type { InlineConstitution, Principle } from "../../../shared/api/constitutions.ts";
import { createRandom } from "../../../shared/random.ts";
import { type Judged, type ModelJudge, problemOf, type Score } from "./judges.ts";
import { promptAsText } from "./prompts.ts";
import {
  addCounts,
  countAnswers,
  type JudgeCount,
  NO_ANSWERS,
  type PlacedPrompt,
  placeOf,
  type RevisedReply,
  type Round,
} from "./records.ts";
import { critiqueRequest, nameOf, revisionRequest } from "./requests.ts";
import { isUsable, type Sampling, type StartingModel, type Written } from "./starting-model.ts";

export interface Work<R> {
  readonly records: readonly R[];
  readonly judged: JudgeCount;
}

export interface ChunkOptions {
  readonly model: StartingModel;
  readonly constitution: InlineConstitution;
  readonly sampling: Omit<Sampling, "seed">;
  /** The job's. */
  readonly seed: number;
  /** The number of the chunk of prompts, which names its random streams. */
  readonly chunk: number;
}

/** A seed for one stage of a chunk. */
export function stageSeed(
  { seed, chunk }: Pick<ChunkOptions, "seed" | "chunk">,
  ...stage: (string | number)[]
): number {
  return createRandom(seed, "constitutional", chunk, ...stage).uint32();
}

/** The principle for one critique or label. */
export function drawPrinciple(
  { constitution: { principles }, seed }: Pick<ChunkOptions, "constitution" | "seed">,
  { part, line }: Pick<PlacedPrompt, "part" | "line">,
  ...of: (string | number)[]
): Principle {
  return principles[createRandom(seed, "principle", part, line, ...of).below(principles.length)]!;
}

/** A reply on its way through the rounds. */
export interface Draft {
  readonly asked: PlacedPrompt;
  readonly sample: number;
  /** As it is now. */
  readonly text: string;
  readonly ended: boolean;
}

/** One round for every draft, in order. */
export type Reviser = (
  drafts: readonly Draft[],
  at: { readonly round: number; readonly principles: readonly Principle[] },
) => Promise<Work<Round>>;

export interface ReviseOptions extends ChunkOptions {
  readonly rounds: number;
  readonly revise: Reviser;
}

/** Samples replies to the prompts and takes each through the rounds. */
export async function reviseChunk(
  prompts: readonly PlacedPrompt[],
  options: ReviseOptions,
): Promise<Work<RevisedReply>> {
  const { model, sampling, rounds, revise } = options;
  const replies = await model.write(prompts, { ...sampling, seed: stageSeed(options, "replies") });
  const first = prompts.flatMap((asked, at) =>
    replies[at]!.map(({ text, ended }, sample): Draft => ({ asked, sample, text, ended })),
  );
  let drafts: readonly Draft[] = first;
  let judged = NO_ANSWERS;
  const done = first.map((): Round[] => []);
  for (let round = 1; round <= rounds; round++) {
    const principles = drafts.map(({ asked, sample }) => drawPrinciple(options, asked, "revision", sample, round));
    const work = await revise(drafts, { round, principles });
    judged = addCounts(judged, work.judged);
    drafts = drafts.map((draft, at) => {
      const result = work.records[at]!;
      done[at]!.push(result);
      return result.revision === null ? draft : { ...draft, text: result.revision, ended: true };
    });
  }
  const records = first.map(({ asked, sample, text, ended }, at): RevisedReply => {
    return { kind: "revised", ...placeOf(asked), sample, reply: text, ended, rounds: done[at]! };
  });
  return { records, judged };
}

/** A model criticises each draft, and then writes it again. */
export function modelReviser(judge: ModelJudge, options: ChunkOptions): Reviser {
  const { constitution } = options;
  return async (drafts, { round, principles }) => {
    const replied = drafts.map(({ asked, text }) => ({ prompt: promptAsText(asked), reply: text }));
    const critiques = await judge.write(
      replied.map((each, at) => critiqueRequest(constitution, principles[at]!, each)),
      { seed: stageSeed(options, "critiques", round), whole: false },
    );
    const criticised = critiques.flatMap((critique, at) =>
      "value" in critique ? [{ at, critique: critique.value }] : [],
    );
    const written = await judge.write(
      criticised.map(({ at, critique }) =>
        revisionRequest(constitution, principles[at]!, { ...replied[at]!, critique }),
      ),
      { seed: stageSeed(options, "revisions", round), whole: true },
    );
    const revisions = new Map<number, Judged<string>>(criticised.map(({ at }, i) => [at, written[i]!]));
    const records = critiques.map((critique, at): Round => {
      const principle = nameOf(principles[at]!);
      if ("problem" in critique) return { principle, revision: null, problem: critique.problem };
      const revision = revisions.get(at)!;
      if ("problem" in revision)
        return { principle, critique: critique.value, revision: null, problem: revision.problem };
      return { principle, critique: critique.value, revision: revision.value };
    });
    return { records, judged: countAnswers([...critiques, ...written].map(problemOf)) };
  };
}

/**
 * A grader cannot write. Its critique is the score, and its revision the best of the draft and `candidates` further replies to the
 * same prompt; a draft that no candidate beats stays. Cut and empty texts are not scored: none of them may be chosen.
 */
export function graderReviser(score: Score, options: ChunkOptions & { readonly candidates: number }): Reviser {
  const { model, sampling, candidates } = options;
  return async (drafts, { round, principles }) => {
    const written = await model.write(
      drafts.map(({ asked }) => asked),
      { ...sampling, samples: candidates, seed: stageSeed(options, "candidates", round) },
    );
    const compared = drafts.map(({ text, ended }, at): readonly Written[] => [{ text, ended }, ...written[at]!]);
    const scored = compared.flatMap((texts, at) => {
      const { item } = drafts[at]!.asked;
      return texts.filter(isUsable).map(({ text }) => ({ text, item, principle: principles[at]!.principle }));
    });
    const scores = await score(scored);
    let next = 0;
    const records = compared.map((texts, at): Round => {
      const own = texts.map((text) => ({ ...text, score: isUsable(text) ? scoreOf(scores[next++]!) : null }));
      let best: (typeof own)[number] | undefined;
      for (const each of own) {
        if (each.score === null) continue;
        if (best === undefined || each.score > best.score!) best = each;
      }
      const before = own[0]!.score;
      return {
        principle: nameOf(principles[at]!),
        ...(before === null ? {} : { before }),
        ...(best === undefined ? {} : { after: best.score! }),
        candidates: own.slice(1).map(({ text, score: of }) => ({ text, score: of })),
        revision: best?.text ?? null,
        ...(best === undefined ? { problem: "no reply was whole and could be scored" } : {}),
      };
    });
    return { records, judged: countAnswers(scores.map(problemOf)) };
  };
}

const scoreOf = (judged: Judged<number>): number | null => ("value" in judged ? judged.value : null);
