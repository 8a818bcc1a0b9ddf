import type { z } from "zod";
import type { SettingsOf } from "../../shared/decode/registry.ts";
import type { PartPlan, PlanContext, SteeringPart } from "../../shared/decode/steering/part.ts";
import { type AskedOf, STEERING, type SteeringName } from "../../shared/decode/steering/registry.ts";
import { contextFor } from "./steering-model.ts";

interface Cases<N extends SteeringName> {
  /** What changes nothing. */
  readonly neutral: readonly z.input<(typeof STEERING)[N]["schema"]>[];
  readonly active: readonly z.input<(typeof STEERING)[N]["schema"]>[];
}

/** For every part of the steering object: requests that change nothing, and some that change something. */
export const STEERING_CASES: { readonly [N in SteeringName]: Cases<N> } = {
  layers: {
    neutral: [],
    active: [
      {},
      { candidates: "high" },
      { candidates: [3], relative_top: 0 },
      { candidates: [7, 0, 2], relative_top: 1 },
    ],
  },
  guidance: {
    neutral: [{ scale: 1 }, { negative_prompt: "Be rude.", scale: 1 }],
    active: [{}, { scale: 0 }, { negative_prompt: "Be rude.", scale: 20 }],
  },
  experts: {
    neutral: [[{ id: "kind", weight: 0 }], { members: [{ id: "kind", weight: 0 }], top_p: 0.5 }],
    active: [
      [
        { id: "kind", weight: 2 },
        { id: "rude", weight: -2 },
      ],
      [{ id: "base", weight: -20 }],
      {
        members: [
          { id: "kind", weight: 20 },
          { id: "rude", weight: 0 },
        ],
        top_p: 1,
      },
      { members: [{ id: "kind", weight: 1 }], top_p: 1e-9 },
    ],
  },
  contrastive: {
    neutral: [{ amateur: "small", alpha: 0, strength: 0 }],
    active: [
      { amateur: "small" },
      { amateur: { delta: { id: "rude", weight: -8 } }, alpha: 0, strength: 20 },
      { amateur: { without: "system" }, alpha: 0, strength: 0.5, temperature: 1 },
      { expert: "kind", amateur: "base", alpha: 1 },
      {
        expert: { model: "kind", temperature: 100 },
        amateur: { without: { name: "facts" }, temperature: 0.01 },
        strength: 3,
      },
    ],
  },
  gradient: {
    neutral: [
      { id: "tone", label: "kind", step_size: 0 },
      { id: "tone", label: "kind", gm_scale: 0, iterations: 9 },
    ],
    active: [
      { id: "tone", label: "kind" },
      { id: "mood", label: "calm", iterations: 32, step_size: 1, gamma: 2, kl_scale: 0, gm_scale: 1, window: 1 },
      { id: "reward", label: "value", gamma: 0, kl_scale: 10, gm_scale: 0.01 },
      { id: "tone", label: "rude", pool: "mean" },
    ],
  },
  classifier: {
    neutral: [
      [{ id: "tone", label: "kind", mode: "lookahead", strength: 0 }],
      [
        { id: "tone", label: "kind", mode: "class_rows", strength: 0 },
        { id: "tone", label: "rude", mode: "token_values", strength: 0 },
      ],
    ],
    active: [
      [{ id: "tone", label: "kind", mode: "lookahead" }],
      [{ id: "tone", label: "rude", mode: "lookahead", strength: -200, top_k: 1 }],
      [{ id: "tone", label: "kind", mode: "class_rows" }],
      [{ id: "tone", label: "kind", mode: "class_rows", strength: 200, filter: 1, keep_above: 1 }],
      [{ id: "tone", label: "rude", mode: "token_values", strength: 3 }],
      [{ id: "tone", label: "kind", mode: "token_values", target: 0.9 }],
      [{ id: "tone", label: "kind", mode: "class_rows", strength: 0, target: 0.99 }],
      [
        { id: "tone", label: "kind", mode: "lookahead", strength: 2, top_k: 5 },
        { id: "reward", label: "value", mode: "lookahead", strength: -1, top_k: 200 },
        { id: "tone", label: "rude", mode: "class_rows", strength: -1 },
        { id: "mood", label: "calm", mode: "class_rows", strength: 5 },
        { id: "tone", label: "kind", mode: "token_values", target: 0.01 },
        { id: "reward", label: "value", mode: "token_values", strength: 0.1 },
      ],
    ],
  },
};

/** A part's type cannot be inferred through an index. */
export const partOf = <N extends SteeringName>(name: N) =>
  STEERING[name] as unknown as SteeringPart<AskedOf<N>, SettingsOf<N>>;

/** What was asked, checked, and planned for the stand-in model. */
export function planned<N extends SteeringName>(
  name: N,
  asked: unknown,
  about: Partial<PlanContext> = {},
): PartPlan<SettingsOf<N>> {
  const part = partOf(name);
  const checked = part.schema.parse(asked);
  return part.plan(checked, { ...contextFor(part.references?.(checked) ?? []), ...about });
}

/** The settings that the cases of one part plan. */
export function plannedCases<N extends SteeringName>(name: N): { neutral: SettingsOf<N>[]; active: SettingsOf<N>[] } {
  const { neutral, active } = STEERING_CASES[name];
  const settings = (asked: unknown) => planned(name, asked).settings;
  return { neutral: neutral.map(settings), active: active.map(settings) };
}
