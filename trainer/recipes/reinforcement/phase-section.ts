/** A phase as a section of the training state, so that a run that is killed in the middle of one goes on with the same replies. */
import { z } from "zod";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { f32, type Tensor, tensor } from "../../../shared/tensor.ts";
import type { Unit } from "../../data/units.ts";
import type { Section, SectionSpec } from "../../loop/sections.ts";
import type { TrainingState } from "../../loop/training-state.ts";

export const PHASE_SECTION = "phase";

/** Numbers of each reply token of each reply. */
export type PerToken = readonly ArrayLike<number>[];

export interface Phase {
  readonly facts: PhaseFacts;
  /** Prompt and reply of each reply, and how many of its tokens are the prompt's. */
  readonly texts: readonly { readonly ids: Int32Array; readonly prompt: number }[];
  readonly rewards: readonly number[];
  readonly old: PerToken;
  readonly reference: PerToken;
  readonly advantages: PerToken;
  /** Empty for an algorithm without values. */
  readonly values: PerToken;
  readonly returns: PerToken;
}

const factsSchema = z.strictObject({
  /** Counted from 0; −1 before the first. */
  phase: z.int().min(-1),
  /** The coefficient of the divergence in this phase, and in the next. */
  beta: z.number(),
  nextBeta: z.number(),
  /** Nats a reply between the model and the reference. */
  kl: z.number(),
  /** Phases in a row, up to this one, that had nothing to learn from, and whether any before had. */
  flat: z.int().min(0),
  varied: z.boolean(),
  /** The reward of all replies of the last phase if they had the same. */
  constant: z.number().nullable(),
  metrics: z.record(z.string(), z.number()),
});
export type PhaseFacts = z.infer<typeof factsSchema>;

const EMPTY = { texts: [], rewards: [], old: [], reference: [], advantages: [], values: [], returns: [] };
const PER_TOKEN = ["old", "reference", "advantages", "values", "returns"] as const;

/** The section before the first phase, whose coefficient will be `beta`. */
export function phaseSpec(beta: number): SectionSpec {
  const facts = { phase: -1, beta, nextBeta: beta, kl: 0, flat: 0, varied: false, constant: null, metrics: {} };
  const list = { dtype: "f32", shape: [null] } as const;
  return {
    initial: encodePhase({ ...EMPTY, facts }),
    tensors: {
      ids: { dtype: "i32", shape: [null] },
      lengths: { dtype: "i32", shape: [null, 2] },
      rewards: list,
      ...Object.fromEntries(PER_TOKEN.map((name) => [name, list])),
    },
    json: factsSchema,
  };
}

/** What is known of the phase that a state is in. */
export function factsOf(state: TrainingState): PhaseFacts {
  return state.sections![PHASE_SECTION]!.json as PhaseFacts;
}

export function encodePhase({ facts, texts, rewards, ...perToken }: Phase): Section {
  const flat = (lists: PerToken) => {
    const all = Float32Array.from(lists.flatMap((list) => Array.from(list)));
    return f32([all.length], all);
  };
  const ids = texts.flatMap((text) => [...text.ids]);
  const lengths = texts.flatMap((text) => [text.prompt, text.ids.length - text.prompt]);
  return {
    tensors: {
      ids: tensor("i32", [ids.length], Int32Array.from(ids)),
      lengths: tensor("i32", [texts.length, 2], Int32Array.from(lengths)),
      rewards: f32([rewards.length], Float32Array.from(rewards)),
      ...Object.fromEntries(PER_TOKEN.map((name) => [name, flat(perToken[name])])),
    },
    json: facts,
  };
}

/** The replies of the phase that a state is in, as units with `PHASE_COLUMNS`, and `VALUE_COLUMNS` if it has values. */
export function phaseUnits(state: TrainingState): Unit[] {
  const { tensors, json } = state.sections![PHASE_SECTION]!;
  const { beta } = json as PhaseFacts;
  const numbers = (name: string) => tensors[name]!.data as Float32Array;
  const lengths = tensors.lengths!.data as Int32Array;
  const hasValues = numbers("values").length > 0;
  let [at, token] = [0, 0];
  return Array.from({ length: lengths.length / 2 }, (_, r): Unit => {
    const [prompt, reply] = [lengths[2 * r]!, lengths[2 * r + 1]!];
    const ids = (tensors.ids as Tensor<"i32">).data.slice(at, at + prompt + reply);
    /** A token column: 0 for the prompt. */
    const column = (name: string) => {
      const own = new Float32Array(ids.length);
      own.set(numbers(name).subarray(token, token + reply), prompt);
      return own;
    };
    const example = {
      ids,
      labels: ids.map((id, place) => (place < prompt ? IGNORED_LABEL : id)),
      columns: {
        advantage: column("advantages"),
        old: column("old"),
        reference: column("reference"),
        beta: new Float32Array(ids.length).fill(beta),
        ...(hasValues ? { value: column("values"), return: column("returns") } : {}),
      },
    };
    at += ids.length;
    token += reply;
    return { examples: [example] };
  });
}
