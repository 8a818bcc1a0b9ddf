/** The settings of jobs by which a model improves its own replies under a constitution. */
import { z } from "zod";
import { checkGrader, Grader, modelsOf } from "../graders/registry.ts";
import { LIMITS } from "../limits.ts";
import { methodsOf } from "../peft/presets.ts";
import { ConstitutionReference, InlineConstitution } from "./constitutions.ts";
import { checkReport, modelsOfReport, reportField } from "./report-settings.ts";
import { REWARD_MODEL_TYPE } from "./reward-model-settings.ts";
import { auto, HYPERPARAMETER_DEFAULTS, hyperparametersSchema, LORA_DEFAULTS, Peft } from "./training-settings.ts";

/** What a job without a constitution goes by. */
export const SELF_CRITIQUE: InlineConstitution = {
  name: "self_critique",
  principles: [
    { name: "helpful", principle: "The reply does what was asked for, and leaves nothing important out." },
    { name: "polite", principle: "The reply is polite and respectful, and insults nobody." },
    { name: "honest", principle: "The reply says what is true, and says so where something is not known." },
    { name: "concise", principle: "The reply is clear and short, without repetition." },
  ],
};

/** What each mode trains on its texts with: a type of job. */
export const CONSTITUTIONAL_MODES = {
  revise: "supervised",
  preferences: "dpo",
  reward_model: "reward_model",
} as const;
export type ConstitutionalMode = keyof typeof CONSTITUTIONAL_MODES;

const Hyperparameters = hyperparametersSchema("ConstitutionalHyperparameters", {
  beta: auto(z.number().positive().max(1000))
    .optional()
    .meta({ description: "For `preferences`: how closely the model is held to the one it starts from" }),
});

const Judge = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("model"),
      model: z.string().min(1).max(300).optional().meta({
        description: "A model of yours or a base, asked over the API; the model that the job starts from by default",
      }),
    }),
    z.strictObject({ type: z.literal("grader"), grader: Grader }),
  ])
  .meta({ id: "ConstitutionalJudge" });
export type ConstitutionalJudge = z.infer<typeof Judge>;

export const ConstitutionalSettings = z
  .strictObject({
    constitution: z.union([ConstitutionReference, InlineConstitution]).default(SELF_CRITIQUE).meta({
      description:
        "The name of a constitution, or one in place; the job keeps a copy of the version. By default the principles of self-critique: helpful, polite, honest, concise",
    }),
    mode: z
      .enum(Object.keys(CONSTITUTIONAL_MODES) as [ConstitutionalMode, ...ConstitutionalMode[]])
      .default("revise")
      .meta({
        description:
          "`revise`: criticise and revise replies, and imitate the last revision; `preferences`: label which of two replies is better, and learn the preference; `reward_model`: the same labels, for a reward model",
      }),
    judge: Judge.default({ type: "model" }).meta({
      description:
        "A model criticises, revises and labels. A grader scores: then a revision is the best of several further replies, and of two replies the one that scores higher is preferred",
    }),
    samples: z.int().min(1).max(LIMITS.constitutionalSamples).optional().meta({
      description:
        "Replies to each prompt. For `revise`, each is revised; 1 by default. Otherwise they are compared two by two; 2 by default",
    }),
    rounds: z.int().min(1).max(LIMITS.constitutionalRounds).optional().meta({
      description: "For `revise`: how often a reply is criticised and revised; 1 by default",
    }),
    candidates: z.int().min(1).max(LIMITS.constitutionalCandidates).optional().meta({
      description: "For `revise` with a grader: the replies of which a revision is the best; 4 by default",
    }),
    temperature: z.number().min(0).max(2).default(1).meta({ description: "Of replies" }),
    top_p: z.number().gt(0).max(1).default(1).meta({ description: "Of replies" }),
    max_tokens: z.int().min(1).max(LIMITS.constitutionalTokens).optional().meta({
      description:
        "Of a reply, a critique or a revision; 256 by default, or half of the longest text where that is shorter",
    }),
    min_margin: z.number().min(0).lt(0.5).default(0).meta({
      description:
        "For labels by a model: how far from one half its probability must be; a pair at that distance or nearer is a tie, and left out",
    }),
    max_unreadable: z.number().min(0).max(1).default(0.1).meta({
      description: "The share of the judge's answers that may be unusable; beyond it the job fails",
    }),
    hyperparameters: Hyperparameters.default(HYPERPARAMETER_DEFAULTS),
    peft: Peft.default(LORA_DEFAULTS),
    report: reportField,
  })
  .superRefine((given, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    const { mode, judge, samples, rounds, candidates, temperature, hyperparameters } = given;
    if (mode !== "preferences" && hyperparameters.beta !== undefined) {
      refuse(["hyperparameters", "beta"], "is for the mode preferences alone");
    }
    if (mode === "reward_model" && methodsOf(given.peft).some(({ settings }) => settings.type === "full")) {
      refuse(["peft"], "must not be full: a reward model is a delta; choose a method such as lora");
    }
    if (mode === "revise") {
      if (judge.type !== "grader" && candidates !== undefined) refuse(["candidates"], "is for graders alone");
      if (judge.type === "grader" && temperature === 0) {
        refuse(["temperature"], "must be above 0, since a revision is the best of several different replies");
      }
      return;
    }
    if (rounds !== undefined) refuse(["rounds"], "is for the mode revise alone");
    if (candidates !== undefined) refuse(["candidates"], "is for the mode revise alone");
    if (samples !== undefined && samples % 2 !== 0)
      refuse(["samples"], "must be even, since replies are compared two by two");
    if (temperature === 0) refuse(["temperature"], "must be above 0, since two different replies are compared");
  });
export type ConstitutionalSettings = z.infer<typeof ConstitutionalSettings>;

/** Checks what no schema can say of the judges, of the job and of its report. Throws `invalid_request`. */
export function checkJudges(settings: ConstitutionalSettings, path: string): void {
  const { judge } = settings;
  if (judge.type === "grader") checkGrader(judge.grader, `${path}.judge.grader`);
  checkReport(settings, path);
}

/** The models that are asked over the API, each with its field: by the judge, and by the report's. */
export function modelsAsked(settings: ConstitutionalSettings): { readonly name: string; readonly param: string }[] {
  return [...modelsOfJudge(settings), ...modelsOfReport(settings)];
}

export function modelsOfJudge({
  judge,
}: Pick<ConstitutionalSettings, "judge">): { readonly name: string; readonly param: string }[] {
  if (judge.type === "model") return judge.model === undefined ? [] : [{ name: judge.model, param: "judge.model" }];
  return modelsOf(judge.grader, "judge.grader").map(({ model, param }) => ({ name: model, param }));
}

/** The numbers of the scorer that the result carries; undefined where it is no reward model. */
export function rewardNumbers(
  { mode, hyperparameters: { beta: _, ...hyperparameters }, peft }: ConstitutionalSettings,
  model: { readonly hiddenSize: number },
): number | undefined {
  if (mode !== "reward_model") return undefined;
  return REWARD_MODEL_TYPE.scorerNumbers(REWARD_MODEL_TYPE.settings.parse({ hyperparameters, peft }), model);
}
