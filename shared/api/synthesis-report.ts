/** The report that a `synthesize` job ends with: what was made, and its risks. `report.json`, and what `report.html` shows. */
import { z } from "zod";

const Count = z.int().min(0);
const Figure = z.number().nullable();

export const SynthesisDiversity = z.strictObject({
  texts: Count,
  vocabulary: Count,
  distinct_1: Figure,
  distinct_2: Figure,
  distinct_3: Figure,
  pairwise_rouge_l: Figure.meta({ description: "The mean ROUGE-L of two instructions: 1 where all are the same" }),
});

const Round = z.strictObject({
  round: z.int(),
  asked: Count,
  written: Count.meta({ description: "Instructions that were written whole" }),
  kept: Count,
  rejected: z.record(z.string(), Count).meta({ description: "By the filter that rejected them, or `unfinished`" }),
  novelty_of_written: Figure.meta({
    description: "The share whose ROUGE-L with each seed and each one before it is at most 0.7",
  }),
  novelty_of_kept: Figure.meta({ description: "The same among those that were kept" }),
  of_written: SynthesisDiversity.meta({ description: "Of the round's instructions, before any filter" }),
  of_kept: SynthesisDiversity,
});

export const SynthesisReport = z
  .strictObject({
    object: z.literal("fine_tuning.synthesis.report"),
    version: z.literal(1),
    model: z.string(),
    answerer: z.string().nullable(),
    created_at: z.int(),
    seed: z.int(),
    approach: z.enum(["self_instruct", "evol"]),
    seeds: Count,
    kept: Count,
    seeds_diversity: SynthesisDiversity,
    rounds: z.array(Round),
    contamination: z
      .strictObject({
        n: z.int(),
        evaluation_file: z.string(),
        kept: Count,
        contaminated: Count,
        examples: z.array(z.strictObject({ id: z.string(), words: z.string() })),
      })
      .nullable()
      .meta({ description: "Kept examples that share n words in a row with the validation file; null without one" }),
    style: z
      .strictObject({
        own_phrases: z.number(),
        from_seeds: z.number(),
        phrases: z.array(z.strictObject({ phrase: z.string(), texts: Count })),
      })
      .nullable()
      .meta({
        description:
          "Shares of the kept outputs' trigrams: those that no seed has and that come back in three outputs or more, and those of seeds",
      }),
    facts: z
      .strictObject({
        statements: Count,
        wrong: Count,
        examples: z.array(z.strictObject({ id: z.string(), prompt: z.string(), said: z.string(), answer: z.string() })),
      })
      .nullable()
      .meta({
        description: "What kept examples say in the wording of facts that the base's probes know; null without probes",
      }),
    samples: z.array(z.strictObject({ id: z.string(), instruction: z.string(), output: z.string() })),
  })
  .meta({ id: "SynthesisReport" });
export type SynthesisReport = z.infer<typeof SynthesisReport>;

/** The kept examples, which jobs can train on. */
export const SYNTHETIC_FILE = "synthetic.jsonl";
