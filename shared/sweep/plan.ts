/** What a sweep has to run, known before anything is generated. */
import type { SteeringObject } from "../api/steering.ts";
import type { CreateSweep, GridValue, SweepEffect } from "../api/steering-sweep.ts";
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { expandGrid } from "./grid.ts";

/** One cell of the grid, or a baseline: the texts that it wants are the prompts', `n` for each. */
export interface SweepRun {
  readonly kind: "cell" | "plain" | "prompt" | "model";
  /** `cell 3`, `plain`, or the name of the baseline's model: for errors and the plot. */
  readonly name: string;
  readonly model: string;
  /** null for none. */
  readonly steering: SteeringObject | null;
  /** A message before each prompt; null for none. */
  readonly system: string | null;
  /** The values of a cell by their paths; empty for a baseline. */
  readonly grid: Readonly<Record<string, GridValue>>;
}

export interface SweepPlan {
  readonly request: CreateSweep;
  readonly effect: SweepEffect;
  /** The cells in the grid's order, then the baselines, `plain` first. */
  readonly runs: readonly SweepRun[];
  /** The most tokens that the runs may generate. */
  readonly tokens: number;
}

/**
 * @param steering the request's object, or that of the preset that it names
 * @throws TrimtabError invalid_request for a grid that cannot be expanded, no way to measure the effect, or more tokens than
 *   `LIMITS.sweepTokens`
 */
export function planSweep(request: CreateSweep, steering: SteeringObject): SweepPlan {
  const { model, prompts, n, max_tokens, baselines = {} } = request;
  const effect = request.effect ?? effectOf(steering);
  const cells = expandGrid(steering, request.grid).map(
    (cell, index): SweepRun => ({ kind: "cell", name: `cell ${index + 1}`, model, system: null, ...cell }),
  );
  const unsteered = { steering: null, system: null, grid: {}, model } as const;
  const runs: SweepRun[] = [...cells, { ...unsteered, kind: "plain", name: "plain" }];
  if (baselines.prompt !== undefined) {
    runs.push({ ...unsteered, kind: "prompt", name: "prompt", system: baselines.prompt });
  }
  if (baselines.model !== undefined) {
    runs.push({ ...unsteered, kind: "model", name: baselines.model, model: baselines.model });
  }
  const tokens = runs.length * prompts.length * n * max_tokens;
  if (tokens > LIMITS.sweepTokens) {
    const message = `The sweep may generate ${tokens} tokens (${cells.length} cells and ${runs.length - cells.length} baselines × ${prompts.length} prompts × ${n} texts × ${max_tokens} tokens), and at most ${LIMITS.sweepTokens} are allowed. Ask for less of any of them.`;
    throw new TrimtabError("invalid_request", message, { param: "grid" });
  }
  return { request, effect, runs, tokens };
}

function effectOf({ classifier = [] }: SteeringObject): SweepEffect {
  const [first] = classifier;
  if (first !== undefined) return { classifier: { id: first.id, label: first.label } };
  const message =
    "`effect` is required where `steering` has no classifier: say what counts as the effect, such as a classifier, a scorer or phrases.";
  throw new TrimtabError("invalid_request", message, { param: "effect" });
}

/** The effect of a text that needs no model: 1 if it has one of the phrases, whatever its case, and otherwise 0. */
export function phraseEffect(text: string, phrases: readonly string[]): 0 | 1 {
  const lower = text.toLowerCase();
  return phrases.some((phrase) => lower.includes(phrase.toLowerCase())) ? 1 : 0;
}
