import type { RowTakes } from "../../shared/decode/processor.ts";
import type { DecodeSettings } from "../../shared/decode/registry.ts";
import type { CompanionRow, PlanContext } from "../../shared/decode/steering/part.ts";
import { partNamed, STEERING_NAMES, type SteeringName } from "../../shared/decode/steering/registry.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { planSearch, type SearchPlan } from "../../shared/search/plan.ts";
import type { ResolvedModel, ResolvedSteering } from "./protocol.ts";
import { type RowModels, sameModel } from "./row-models.ts";
import type { ServedModel } from "./served-model.ts";

/** A companion row and the field of the steering object that asks for it. */
export type PlannedCompanion = CompanionRow & { readonly part: SteeringName | "search" };

export interface SteeringPlan {
  /** Of the parts' processors, by their names. */
  readonly settings: Partial<DecodeSettings>;
  readonly companions: readonly PlannedCompanion[];
  /** What the leader keeps of each step. */
  readonly takes: RowTakes;
  /** The role of the companion by which the text's memory is perturbed, if it is. */
  readonly perturbedBy?: string | undefined;
  /** Absent where texts are made once and returned. */
  readonly search?: SearchPlan;
  /** Whether tokens are taken by their scores instead of drawn. */
  readonly isGreedy?: boolean;
}

export const NO_STEERING: SteeringPlan = { settings: {}, companions: [], takes: {} };

export interface PlanRequest {
  readonly steering: ResolvedSteering;
  readonly own: ResolvedModel;
  readonly base: ResolvedModel;
  readonly models: Pick<RowModels, "scorer">;
  readonly isChat: boolean;
}

/** What a request's steering needs of the batch. Throws as the parts' `plan` does, with `param` from `steering` on. */
export function planSteering(
  { config, tokenizer }: Pick<ServedModel, "config" | "tokenizer">,
  { steering, own, base, models, isChat }: PlanRequest,
): SteeringPlan {
  const modelOf = (model: CompanionRow["model"]): ResolvedModel => {
    if (model === "own") return own;
    return model === "base" ? base : steering.models[model.at]!;
  };
  const context: PlanContext = {
    vocabSize: config.vocabSize,
    layers: config.layers,
    tiedHead: config.tied,
    hasChat: isChat,
    scorer(at) {
      const scorer = models.scorer(at);
      if (scorer !== undefined) return scorer;
      const message = `\`steering.${at}\` is no classifier: the model it names has no scoring head. Train one with a job of type classifier.`;
      throw new TrimtabError("invalid_request", message, { param: at });
    },
    same: (a, b) => sameModel(modelOf(a), modelOf(b)),
    encode: (text) => tokenizer.encode(text),
  };
  const plans = STEERING_NAMES.flatMap((name) => {
    const asked = steering.parts[name];
    return asked === undefined ? [] : [{ name, ...withSteeringPath(() => partNamed(name).plan(asked, context)) }];
  });
  const companions = plans.flatMap(({ name, companions: rows = [] }) => rows.map((row) => ({ ...row, part: name })));
  const asked = steering.search?.asked;
  const perturbedBy = plans.find((plan) => plan.perturbedBy !== undefined)?.perturbedBy;
  if (perturbedBy !== undefined && asked?.method === "beam") {
    const message =
      "`gradient` takes several turns for a token, and beams take theirs together: remove one of the two.";
    throw new TrimtabError("invalid_request", message, { param: "steering.gradient" });
  }
  const search = asked === undefined ? undefined : withSteeringPath(() => planSearch(asked, context, companions));
  const judge = search?.companion === undefined ? [] : [{ ...search.companion, part: "search" as const }];
  return {
    settings: Object.fromEntries(plans.map(({ name, settings }) => [name, settings])),
    companions: [...companions, ...judge],
    ...(search === undefined ? {} : { search, isGreedy: search.asked.method === "beam" }),
    takes: {
      final: plans.some(({ takes }) => takes?.final === true),
      exits: [...new Set(plans.flatMap(({ takes }) => takes?.exits ?? []))],
    },
    perturbedBy,
  };
}

function withSteeringPath<T>(plan: () => T): T {
  try {
    return plan();
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param === undefined || error.param.startsWith("steering."))
      throw error;
    throw new TrimtabError(error.code, error.message, { param: `steering.${error.param}`, cause: error });
  }
}
