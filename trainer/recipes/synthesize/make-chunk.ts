/** Some instructions of a round: asked for, filtered, answered, and filtered again. */
import type { SynthesizeSettings } from "../../../shared/api/synthesize.ts";
import { createRandom } from "../../../shared/random.ts";
import type { Candidate, FilterContext } from "../../../shared/synthesis/filters/filter.ts";
import { type FilterSettings, filtered, needs } from "../../../shared/synthesis/filters/registry.ts";
import type { Pool } from "../../../shared/synthesis/pool.ts";
import {
  answerRequest,
  drawShots,
  EVOLUTIONS,
  type Evolution,
  evolutionRequest,
  instructionRequest,
  type Shot,
} from "../../../shared/synthesis/requests.ts";
import type { SynthesisRecord } from "./records.ts";
import type { Writer } from "./writer.ts";

/** An example that can be shown, with the name that provenance has for it. */
export interface NamedShot extends Shot {
  readonly id: string;
}

export interface ChunkParts {
  readonly settings: SynthesizeSettings;
  readonly filters: FilterSettings;
  /** The job's. */
  readonly seed: number;
  readonly round: number;
  /** The first place of the round that this chunk has, from 0; and how many. */
  readonly first: number;
  readonly count: number;
  readonly seeds: readonly NamedShot[];
  /** Kept in earlier rounds. */
  readonly made: readonly NamedShot[];
  /** Kept in the round before, or the seeds in the first: what `evol` rewrites. */
  readonly parents: readonly NamedShot[];
  /** What this chunk keeps is added to it. */
  readonly pool: Pool;
  readonly evaluation: FilterContext["evaluation"];
  readonly instruct: Writer;
  readonly answer: Writer;
  /** Of an output behind its instruction; undefined where it leaves no room. */
  readonly perplexities: (examples: readonly Shot[]) => Promise<(number | undefined)[]>;
  readonly grades: (examples: readonly Shot[]) => Promise<(number | null)[]>;
  readonly yieldToEventLoop: () => Promise<void>;
}

interface Draft extends Pick<SynthesisRecord, "id" | "round" | "operation" | "sampling" | "sources"> {
  readonly asked: Parameters<Writer>[0][number];
  /** The instruction that is rewritten. */
  readonly source?: string;
}

type Open = SynthesisRecord & { readonly instruction: string };

export async function makeChunk(parts: ChunkParts): Promise<SynthesisRecord[]> {
  const { settings, filters, pool, evaluation, seed, round, first } = parts;
  const streamSeed = (of: string) => createRandom(seed, "synthesize", of, round, first).uint32();
  const drafts = draftsOf(parts, streamSeed("instructions"));
  const instructions = await parts.instruct(
    drafts.map(({ asked }) => asked),
    "instruction",
    streamSeed("instructions"),
  );
  const context = { pool, evaluation };
  const looked: SynthesisRecord[] = [];
  /** Also those of this chunk that may still be rejected: two that are alike are not both answered. */
  const candidates: Open[] = [];
  for (const [at, { asked: _, source, ...place }] of drafts.entries()) {
    const written = instructions[at]!;
    const none = { ...place, instruction: null, output: null, scores: {}, passed: [] };
    if ("problem" in written) {
      looked.push({ ...none, rejected: { filter: written.problem, reason: written.reason } });
      continue;
    }
    await parts.yieldToEventLoop();
    const candidate: Candidate = { instruction: written.text, output: null, source };
    const verdict = filtered(candidate, "instruction", { settings: filters, context });
    const record = { ...none, instruction: written.text, ...verdict };
    looked.push(record);
    if (verdict.rejected !== null) continue;
    candidates.push(record);
    pool.add(written.text);
  }
  const answered = await answers(parts, candidates, streamSeed("outputs"));
  const sources = new Map(drafts.map(({ id, source }) => [id, source]));
  const examples = answered.flatMap(({ id, instruction, output }) =>
    output === null ? [] : [{ id, instruction, output }],
  );
  const perplexities = needs(filters, "perplexity") ? await parts.perplexities(examples) : [];
  const grades = needs(filters, "grade") ? await parts.grades(examples) : [];
  const measured = new Map(examples.map(({ id }, at) => [id, { perplexity: perplexities[at], grade: grades[at] }]));
  const final = new Map<string, SynthesisRecord>();
  for (const record of answered) {
    if (record.output === null) {
      final.set(record.id, record);
      continue;
    }
    const { instruction, output, id } = record;
    const candidate: Candidate = { instruction, output, source: sources.get(id), ...measured.get(id) };
    const { rejected, passed, scores } = filtered(candidate, "example", { settings: filters, context });
    final.set(id, {
      ...record,
      rejected,
      passed: [...record.passed, ...passed],
      scores: { ...record.scores, ...scores },
    });
  }
  return looked.map((record) => final.get(record.id) ?? record);

  async function answers(_: ChunkParts, open: readonly Open[], answerSeed: number): Promise<Open[]> {
    if (open.length === 0) return [];
    const style = settings.answers ?? (settings.answerer === undefined ? settings.style : "chat");
    const asked = open.map(({ id, instruction }) => {
      const random = createRandom(seed, "synthesize", "shots", id);
      const shots = drawShots(parts.seeds, parts.made, {
        shots: settings.shots,
        seedShare: settings.seed_share,
        random,
      });
      return answerRequest(instruction, shots, { style, templates: settings.templates });
    });
    const written = await parts.answer(asked, "output", answerSeed);
    return open.map((record, at): Open => {
      const text = written[at]!;
      if ("text" in text) return { ...record, output: text.text };
      return { ...record, rejected: { filter: text.problem, reason: text.reason } };
    });
  }
}

function draftsOf(parts: ChunkParts, streamSeed: number): Draft[] {
  const { settings, seed, round, first, count, seeds, made, parents } = parts;
  const { approach, style, templates, shots, seed_share: seedShare } = settings;
  return Array.from({ length: count }, (_, index): Draft => {
    const id = `r${round}-${first + index + 1}`;
    const random = createRandom(seed, "synthesize", "draft", id);
    const place = { id, round, sampling: { seed: streamSeed, index } };
    if (approach === "self_instruct") {
      const shown = drawShots(seeds, made, { shots, seedShare, random });
      const asked = instructionRequest(shown, { style, templates });
      return { ...place, operation: "self_instruct", sources: shown.map((shot) => shot.id), asked };
    }
    const operations = settings.operations ?? (Object.keys(EVOLUTIONS) as Evolution[]);
    const operation = operations[random.below(operations.length)]!;
    const parent = parents[random.below(parents.length)]!;
    const asked = evolutionRequest(parent.instruction, operation, { style, templates });
    return { ...place, operation, sources: [parent.id], asked, source: parent.instruction };
  });
}
