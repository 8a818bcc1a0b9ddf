/**
 * A scorer: the part of a delta that judges a text instead of continuing it, such as a classifier's head or, with K = 1, a
 * reward model's. It reads the hidden state h after the model's last norm (the tap `final`), with the delta applied.
 *
 *     head_c(h) = h·W_c + b_c                      how well the text so far fits class c
 *     value_c(h, v) = head_c(h) + (h·A_c)·T_v      the same for the text with the token v after it
 *
 * A scorer judges only the model that its own delta makes. A delta that has one is served like any other, but its scorer is
 * never added to, merged with or folded into anything: `sumDeltas`, merges and continued training refuse it.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { parseStrictJson } from "../formats/strict-json.ts";
import { wordIssue } from "../issue-words.ts";
import { LIMITS } from "../limits.ts";
import type { Tensor } from "../tensor.ts";
import type { SeenStates } from "./seen-states.ts";

const MOST_CONTROL_TOKENS = 64;
const MOST_DIRECTIONS = 64;

/** The ways to judge that a scorer can be calibrated for. */
export const SCORER_MODES = ["lookahead", "class_rows", "token_values"] as const;
export type ScorerMode = (typeof SCORER_MODES)[number];

export const Label = z.string().min(1).max(LIMITS.labelName);
const ids = (most: number) => z.array(z.int().min(0)).max(most);
const positive = z.number().positive();

/** What a scorer's tensors do not say. Stored as JSON in the metadata of the file that holds them. */
export const ScorerAbout = z
  .strictObject({
    /** The names of its K classes. */
    labels: z.array(Label).min(1).max(LIMITS.labels),
    /** The ids before every text that it judges; empty where the text itself begins with such tokens. */
    lead: ids(MOST_CONTROL_TOKENS),
    /** The share of each class among the texts it was trained on. Absent for rewards. */
    prior: z.array(z.number().positive().max(1)).optional(),
    /** What the class scores of each way are divided by; a way without a temperature is not offered. */
    temperatures: z.partialRecord(z.enum(SCORER_MODES), positive),
    /**
     * For rows that continue the text as each class would: the ids of a class stand between `lead` and the text, and
     * its score is bias + scale · mean log-probability of the text's tokens.
     */
    class_rows: z
      .strictObject({
        control: z.array(ids(MOST_CONTROL_TOKENS).min(1)),
        scale: positive,
        bias: z.array(z.number()),
      })
      .optional(),
    /** It judges a whole text at the token that ends it; absent: at the last token before that. */
    ends: z.literal(true).optional(),
    /** How the states spread that it was trained on, whose mean and directions the tensors have; see `seen-states.ts`. */
    seen: z
      .strictObject({ variances: z.array(positive).min(1).max(MOST_DIRECTIONS), rest: positive, threshold: positive })
      .optional(),
  })
  .superRefine((about, context) => {
    const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
    const { labels, prior, temperatures, class_rows: rows } = about;
    if (new Set(labels).size < labels.length) refuse(["labels"], "must differ from each other");
    for (const [path, list] of [
      [["prior"], prior],
      [["class_rows", "control"], rows?.control],
      [["class_rows", "bias"], rows?.bias],
    ] as const) {
      if (list !== undefined && list.length !== labels.length) refuse([...path], `must have ${labels.length} entries`);
    }
    if (prior !== undefined && Math.abs(prior.reduce((sum, share) => sum + share, 0) - 1) > 1e-6) {
      refuse(["prior"], "must add up to 1");
    }
    if ((temperatures.class_rows !== undefined) !== (rows !== undefined)) {
      refuse(["temperatures"], "must have class_rows exactly where the scorer has `class_rows`");
    }
  });
export type ScorerAbout = z.infer<typeof ScorerAbout>;

/** Why a scorer cannot become part of anything, as the beginning of a message. */
export const SCORER_STAYS =
  "a delta with a scorer (a classifier or a reward model) judges only the model that it makes itself";

/** Legend: D width of the model, K classes, r rank of the token values, V vocabulary. */
export interface Scorer {
  /** W [D, K] */
  readonly weight: Tensor<"f32">;
  /** b [K] */
  readonly bias: Tensor<"f32">;
  /** A [D, K·r], the columns of one class after those of another, and T [V, r]. */
  readonly tokens?: { readonly a: Tensor<"f32">; readonly t: Tensor<"f32"> };
  /** The states that it was trained on, with the spread in `about.seen`. */
  readonly seen?: SeenStates;
  readonly about: ScorerAbout;
}

/** Throws `invalid_delta`, naming the field that is wrong; `what` names the JSON. */
export function parseScorerAbout(json: string, what: string): ScorerAbout {
  const value = parseStrictJson(json, what, "invalid_delta");
  const parsed = ScorerAbout.safeParse(value);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, value);
  throw new TrimtabError("invalid_delta", `${what}: ${field} ${problem}`);
}
