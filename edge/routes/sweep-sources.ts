/** What the names of a sweep mean, found before anything is generated. */
import type { SteeringObject } from "../../shared/api/steering.ts";
import type { CreateSweep, SweepEffect } from "../../shared/api/steering-sweep.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { planSweep, type SweepPlan, type SweepRun } from "../../shared/sweep/plan.ts";
import type { FoundModel } from "../objects/tenant/models.ts";
import type { ScorerTarget } from "../scoring/target.ts";
import type { ResolvedModel } from "../serving/protocol.ts";
import type { Caller } from "./app-env.ts";

export interface SweepSources {
  readonly plan: SweepPlan;
  /** The bare base, under which texts are fluent or not. */
  readonly bare: ResolvedModel;
  readonly found: ReadonlyMap<SweepRun, FoundModel>;
  readonly effect:
    | { readonly kind: "classifier"; readonly model: ResolvedModel; readonly label: string }
    | { readonly kind: "scorer"; readonly target: ScorerTarget }
    | { readonly kind: "phrases"; readonly phrases: readonly string[] };
}

export const EFFECT_MODEL = "effect.classifier.id";

/**
 * @throws TrimtabError as `planSweep` does; model_not_found, not_found, invalid_request and invalid_delta for names that are
 *   unknown or do not fit the base, with the field that has them
 */
export async function sweepSources({ object }: Caller, request: CreateSweep): Promise<SweepSources> {
  const { model: name, steering } = request;
  const first = await object.models.resolve({ name, deltas: [], steering });
  const plan = planSweep(request, first.steering!.asked);
  const { base } = first.model;
  const found = new Map<SweepRun, FoundModel>();
  for (const run of plan.runs) {
    // An empty object turns off what an alias is steered by.
    const asked = { name: run.model, deltas: [], steering: run.steering ?? {} };
    const resolved = await object.models.resolve(asked).catch((error: unknown) => {
      throw run.kind === "model" ? withParam(error, () => "baselines.model") : inRun(run, error);
    });
    if (run.kind === "model") requireSameTokenizer(resolved.model.base, base);
    found.set(run, resolved);
  }
  const bare = { base, weights: null, deltas: [] };
  return { plan, bare, found, effect: await effectSource(object, name, plan.effect) };
}

async function effectSource(
  object: Caller["object"],
  name: string,
  effect: SweepEffect,
): Promise<SweepSources["effect"]> {
  if ("phrases" in effect) return { kind: "phrases", phrases: effect.phrases };
  if ("scorer" in effect) {
    const target = await object.scorers
      .target(effect.scorer)
      .catch((error: unknown) => Promise.reject(withParam(error, () => "effect.scorer")));
    return { kind: "scorer", target };
  }
  const { id, label } = effect.classifier;
  // A steering object that names it has it resolved as one that judges texts of this base.
  const steering: SteeringObject = { classifier: [{ id, label, strength: 1, mode: "lookahead", top_k: 1 }] };
  const { steering: resolved } = await object.models
    .resolve({ name, deltas: [], steering })
    .catch((error: unknown) => Promise.reject(withParam(error, () => EFFECT_MODEL)));
  return { kind: "classifier", model: resolved!.resolved.models["classifier[0].id"]!, label };
}

function requireSameTokenizer(other: ResolvedModel["base"], base: ResolvedModel["base"]): void {
  const tokenizerOf = ({ files }: ResolvedModel["base"]) => files.find(({ name }) => name === "tokenizer.json")?.sha256;
  if (tokenizerOf(other) === tokenizerOf(base)) return;
  const message = `The model of \`baselines.model\` runs on ${other.id}, which has another tokenizer than ${base.id}, so the perplexities of their texts cannot be compared. Name a model of ${base.id}, or of a base with the same tokenizer.json.`;
  throw new TrimtabError("invalid_request", message, { param: "baselines.model" });
}

/** The same error with the run that it is of. */
export function inRun(run: SweepRun, error: unknown): unknown {
  if (!(error instanceof TrimtabError)) return error;
  const { code, param, data } = error;
  const field = param === "messages" || param === "prompt" ? "prompts" : param;
  const details = { data, cause: error, ...(field === undefined ? {} : { param: field }) };
  return new TrimtabError(code, `In ${nameOf(run)}: ${error.message}`, details);
}

function nameOf({ kind, name, grid }: SweepRun): string {
  if (kind === "plain") return "the model as it is";
  if (kind === "prompt") return "the prompt baseline";
  if (kind === "model") return `the baseline ${name}`;
  const values = Object.entries(grid).map(([path, value]) => `${path} ${JSON.stringify(value)}`);
  return `${name} (${values.join(", ")})`;
}

/** The same error for another field. */
export function withParam(error: unknown, change: (param: string | undefined) => string | undefined): unknown {
  if (!(error instanceof TrimtabError)) return error;
  const param = change(error.param);
  const { code, message, data } = error;
  return new TrimtabError(code, message, { data, cause: error, ...(param === undefined ? {} : { param }) });
}
