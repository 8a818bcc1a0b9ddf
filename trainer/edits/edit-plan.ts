/** What `auto` means: the method, the layers and every number that depends on them. */
import type { EditOptions, EditSettings } from "../../shared/api/edit-settings.ts";
import type { EditMethod } from "../../shared/edits/report.ts";

export interface EditPlan {
  readonly method: EditMethod;
  readonly batchSize: number;
  readonly rounds: number;
  /** Steps in which the change is improved as a whole; `auto`: by the number of facts. */
  readonly refine: number | "auto";
  readonly normScaling: boolean;
  /** The most in which a value is found. */
  readonly steps: number;
  readonly clamp: number;
  readonly lambda: number;
  readonly stopBelow: number;
  readonly learningRate: number | { readonly relative: number };
}

export interface PlanFacts {
  /** Facts to solve, and earlier edits below them. */
  readonly facts: number;
  readonly earlier: number;
  /** Tokens of the longest target. */
  readonly targetTokens?: number;
}

/** Measured on the embedded base; see infra/adr/edit-defaults.md. */
export const EDIT_AUTO = {
  clamp: { rome: 4, memit: 0.75, alphaedit: 0.75 },
  lambda: { rome: 0, memit: 300, alphaedit: 0.1 },
  /** The most times that a batch is solved. */
  rounds: { rome: 1, memit: 4, alphaedit: 4 },
  /** The other methods stay as they were published. */
  refine: { rome: 0, memit: "auto", alphaedit: 0 },
  /** The share of directions that counts as unused: those with the smallest eigenvalues. */
  nullSpace: 0.3,
  /** A rome edit is alone, so it may take the longer value that larger steps lead to. */
  relativeRate: { rome: 0.3, memit: 0.15, alphaedit: 0.15 },
  /** Steps in which the value of a fact is found; a longer target, such as a phrase, takes as many for each token. */
  steps: { fact: 30, ofToken: 10, longFrom: 7, most: 200 },
  /** The loss below which a fact's value is found. */
  stopBelow: 0.05,
  /** The loss above which it is not. */
  convergedBelow: 1,
} as const;

export function editPlan(
  { method: asked, options }: EditSettings,
  { facts, earlier, targetTokens = 1 }: PlanFacts,
): EditPlan {
  const batchSize = options.batch_size === "auto" ? facts : options.batch_size;
  const inSequence = earlier > 0 || batchSize < facts;
  const method: EditMethod = asked !== "auto" ? asked : facts === 1 && !inSequence ? "rome" : "memit";
  return {
    method,
    batchSize,
    rounds: options.rounds === "auto" ? EDIT_AUTO.rounds[method] : options.rounds,
    refine: options.refine === "auto" ? EDIT_AUTO.refine[method] : options.refine,
    normScaling: options.norm_scaling === "auto" ? inSequence : options.norm_scaling,
    steps: options.steps === "auto" ? autoSteps(targetTokens) : options.steps,
    clamp: options.clamp === "auto" ? EDIT_AUTO.clamp[method] : options.clamp,
    lambda: options.lambda === "auto" ? EDIT_AUTO.lambda[method] : options.lambda,
    stopBelow: EDIT_AUTO.stopBelow,
    learningRate:
      options.learning_rate === "auto" ? { relative: EDIT_AUTO.relativeRate[method] } : options.learning_rate,
  };
}

function autoSteps(targetTokens: number): number {
  const { fact, ofToken, longFrom, most } = EDIT_AUTO.steps;
  return targetTokens < longFrom ? fact : Math.min(most, ofToken * targetTokens);
}

/** The layers that a request names, ascending; undefined for `auto`. */
export function askedLayers({ layers }: Pick<EditOptions, "layers">): number[] | undefined {
  return layers === "auto" ? undefined : [layers].flat().sort((a, b) => a - b);
}

/** Layers over which `memit` and `alphaedit` spread a change: shares of it disturb less than the whole at one layer. */
const SPREAD = 3;

/**
 * The layers of `auto`, given the one where facts are recalled; absent: where models of this depth mostly do. `rome` takes that one,
 * the others spread over it and those around it.
 */
export function autoLayers(
  recalled: number | undefined,
  { layers, method }: { readonly layers: number; readonly method: EditMethod },
): number[] {
  const best = recalled ?? Math.min(layers - 1, Math.floor(layers / 4));
  if (method === "rome") return [best];
  const first = Math.max(0, Math.min(best - SPREAD + 1, layers - SPREAD));
  return Array.from({ length: Math.min(SPREAD, layers) }, (_, i) => first + i);
}
