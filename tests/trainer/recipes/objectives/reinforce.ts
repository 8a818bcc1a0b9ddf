import { z } from "zod";
import { hyperparametersSchema, Peft } from "../../../../shared/api/methods.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { parseJsonl } from "../../../../shared/formats/jsonl.ts";
import { IGNORED_LABEL } from "../../../../shared/model/chat-template.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import type { Unit } from "../../../../trainer/data/units.ts";
import type { TrainingState } from "../../../../trainer/loop/training-state.ts";
import { type Objective, REFERENCE, type RunTools } from "../../../../trainer/recipes/objective.ts";

export const ReinforceSettings = z.strictObject({
  hyperparameters: hyperparametersSchema("ReinforceHyperparameters", {
    group_size: z.int().min(1).default(2),
    max_new_tokens: z.int().min(1).default(3),
  }),
  peft: Peft,
});
export type ReinforceSettings = z.infer<typeof ReinforceSettings>;

/** Continues each prompt with exactly `count` tokens, drawn from the model with these parameters; `stream` names the draw. */
export type Sample = (
  prompts: readonly Int32Array[],
  options: {
    readonly count: number;
    readonly values: ReadonlyMap<string, Tensor>;
    readonly stream: readonly (number | string)[];
  },
) => Promise<readonly Int32Array[]>;

export interface ReinforceOptions {
  /** Called once a run. */
  readonly sampler: (tools: RunTools) => Promise<Sample>;
  readonly reward: (reply: Int32Array) => number;
}

const Prompt = z.strictObject({ prompt: z.string().min(1) });
const DECAY = 0.8;

interface Controller {
  readonly baseline: number;
}
const controllerOf = (state: TrainingState) => state.sections!.controller!.json as Controller;

/**
 * REINFORCE with a moving baseline: −Σ (reward − baseline) · log p(reply), meaned over the step's groups. The baseline and the
 * last rewards are carried from step to step.
 */
export function reinforce({ sampler, reward }: ReinforceOptions): Objective<ReinforceSettings> {
  return {
    reference: "base",
    form: ({ hyperparameters }) => ({
      examples: hyperparameters.group_size,
      columns: { advantage: "example", reward: "example", behaviour: "token" },
    }),
    *lines({ bytes, name }) {
      for (const { number: line, value } of parseJsonl(bytes, { name })) {
        const parsed = Prompt.safeParse(value);
        if (!parsed.success) throw new TrimtabError("invalid_file", `line ${line} of ${name} has no prompt`);
        yield { line, examples: [{ kind: "completion", prompt: parsed.data.prompt, completion: "" }] };
      }
    },
    carried: () => ({
      specs: {
        controller: {
          initial: { tensors: { rewards: f32([0], []) }, json: { baseline: 0 } },
          tensors: { rewards: { dtype: "f32", shape: [null] } },
          json: z.strictObject({ baseline: z.number() }),
        },
      },
      afterStep: (state, { metrics }) => {
        const { baseline } = controllerOf(state);
        const { rewards } = state.sections!.controller!.tensors;
        const mean = metrics!.reward!;
        return {
          controller: {
            tensors: { rewards: f32([rewards!.data.length + 1], [...Array.from(rewards!.data, Number), mean]) },
            json: { baseline: DECAY * baseline + (1 - DECAY) * mean },
          },
        };
      },
    }),
    rollouts: {
      lengths: ({ examples: [prompt] }, { settings: { hyperparameters }, limit }) => {
        const length = Math.min(limit, prompt!.ids.length + hyperparameters.max_new_tokens);
        return new Array(hyperparameters.group_size).fill(length);
      },
      async start(tools) {
        const { group_size: group, max_new_tokens: count } = tools.settings.hyperparameters;
        const sample = await sampler(tools);
        return async ({ prompts, state, values, purpose }) => {
          const starts = prompts.flatMap(({ examples: [prompt] }) => new Array<Int32Array>(group).fill(prompt!.ids));
          const replies = await sample(starts, { count, values, stream: [tools.seed, purpose, state.step] });
          const units = prompts.map((_, p): Unit => {
            const own = replies.slice(p * group, (p + 1) * group);
            return { examples: own.map((reply) => rollout(starts[p * group]!, reply, controllerOf(state).baseline)) };
          });
          const behaviour = await tools.logProbabilities(units, values);
          return units.map(({ examples }, u) => ({
            examples: examples.map((example, k) => ({
              ...example,
              columns: { ...example.columns, behaviour: behaviour[u]![k]! },
            })),
          }));
        };
      },
    },
    loss(context) {
      const { b } = context;
      const present = context.present();
      const group = present.shape[1] as number;
      const mean = (perExample: typeof present) =>
        b.div(b.reduceSum(b.mul(perExample, present), [0, 1]), b.mul(context.totalUnits(), group));
      const logProbabilities = context.logProbabilities();
      const ratio = b.exp(context.sumOverExamples(b.sub(logProbabilities, context.column("behaviour"))));
      const kl = context.sumOverExamples(b.sub(logProbabilities, context.column(REFERENCE)));
      return {
        loss: b.neg(mean(b.mul(context.column("advantage"), context.sumOverExamples(logProbabilities)))),
        metrics: {
          reward: { value: mean(context.column("reward")), kind: "sum" },
          ratio: { value: mean(ratio), kind: "sum" },
          kl: { value: mean(kl), kind: "sum" },
        },
      };
    },
  };

  function rollout(prompt: Int32Array, reply: Int32Array, baseline: number): Unit["examples"][number] {
    const earned = reward(reply);
    return {
      ids: Int32Array.of(...prompt, ...reply),
      labels: Int32Array.of(...prompt.map(() => IGNORED_LABEL), ...reply),
      columns: { reward: earned, advantage: earned - baseline },
    };
  }
}
