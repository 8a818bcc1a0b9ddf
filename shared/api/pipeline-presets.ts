/** Presets of pipelines, and how a request's own stages change them. A new preset is a name in `PRESET_NAMES` and a row here. */
import { TrimtabError } from "../errors.ts";
import { type JobType, Method } from "./methods.ts";
import {
  type Pipeline,
  type PipelineSettings,
  type PresetName,
  type Stage,
  type StageRequest,
  stagePath,
} from "./pipelines.ts";

const DEFAULT_ROUNDS = 3;

interface PresetOptions {
  readonly rounds: number;
}

interface PresetStage extends Omit<StageRequest, "method"> {
  readonly type: JobType;
  /** Its settings where they are not the type's defaults. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

const PRESETS: { readonly [Name in PresetName]: (options: PresetOptions) => readonly PresetStage[] } = {
  sft_dpo: () => [
    { name: "sft", type: "supervised" },
    { name: "dpo", type: "dpo", model: { stage: "sft" } },
  ],
  sft_rm_ppo: () => [
    { name: "sft", type: "supervised" },
    { name: "rm", type: "reward_model" },
    {
      name: "ppo",
      type: "ppo",
      model: { stage: "sft" },
      settings: { reward: { type: "reward_model", model: "stage:rm" } },
    },
  ],
  // The reference of DPO is the model that it starts from: each round's is what the round before has made.
  iterated_dpo: ({ rounds }) => inRounds(rounds, { type: "dpo" }),
  // Bai et al. 2022: imitate revisions first, then learn from labels that the same principles give.
  constitutional: () => [
    { name: "revise", type: "constitutional", settings: { mode: "revise" } },
    { name: "preferences", type: "constitutional", settings: { mode: "preferences" }, model: { stage: "revise" } },
  ],
  // Without a judge of its own, each round is criticised by the model that it starts from.
  self_critique: ({ rounds }) => inRounds(rounds, { type: "constitutional", settings: { mode: "revise" } }),
};

/** Stages named `round_1` and so on, each from the result of the one before. */
function inRounds(rounds: number, stage: Pick<PresetStage, "type" | "settings">): PresetStage[] {
  return Array.from({ length: rounds }, (_, index) => ({
    name: `round_${index + 1}`,
    ...stage,
    ...(index === 0 ? {} : { model: { stage: `round_${index}` } }),
  }));
}

/**
 * A pipeline with all of its stages: those of a request that lists them, or those of its preset with the request's changes.
 *
 * @throws TrimtabError invalid_request for a stage that the preset does not have, has under another type, or that is named twice.
 */
export function completePipeline(settings: PipelineSettings): Pipeline {
  const { preset, rounds, stages = [] } = settings;
  if (preset === undefined) return { ...settings, stages: stages as readonly Stage[] };
  const given = new Map<string, { stage: StageRequest; index: number }>();
  for (const [index, stage] of stages.entries()) {
    if (given.has(stage.name)) throw refuse(`${stagePath(index)}.name`, `names the stage ${stage.name} a second time`);
    given.set(stage.name, { stage, index });
  }
  const known = PRESETS[preset]({ rounds: rounds ?? DEFAULT_ROUNDS });
  for (const [index, { name }] of stages.entries()) {
    if (known.some((stage) => stage.name === name)) continue;
    const names = known.map((stage) => stage.name).join(", ");
    throw refuse(`${stagePath(index)}.name`, `is ${name}, but the stages of the preset ${preset} are ${names}`);
  }
  return { ...settings, stages: known.map((stage) => changed(stage, given.get(stage.name), preset)) };
}

function changed(
  { type, settings, ...preset }: PresetStage,
  given: { stage: StageRequest; index: number } | undefined,
  name: PresetName,
): Stage {
  if (given === undefined) return { ...preset, method: methodOf(type, settings) };
  const { stage, index } = given;
  if (stage.method !== undefined && stage.method.type !== type) {
    throw refuse(
      `${stagePath(index)}.method.type`,
      `is ${stage.method.type}, but this stage of the preset ${name} is ${type}. List the stages without a preset instead`,
    );
  }
  return { ...preset, ...stage, method: stage.method ?? methodOf(type, settings) };
}

function methodOf(type: JobType, settings: Readonly<Record<string, unknown>> = {}): Method {
  return Method.parse({ type, [type]: settings });
}

function refuse(param: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${param}\` ${problem}.`, { param });
}
