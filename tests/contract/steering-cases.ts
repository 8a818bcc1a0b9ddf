import type { z } from "zod";
import type { SettingsOf } from "../../shared/decode/registry.ts";
import type { PartPlan, SteeringPart } from "../../shared/decode/steering/part.ts";
import { type AskedOf, STEERING, type SteeringName } from "../../shared/decode/steering/registry.ts";
import { CONTEXT } from "./steering-model.ts";

interface Cases<N extends SteeringName> {
  /** What changes nothing. */
  readonly neutral: readonly z.input<(typeof STEERING)[N]["schema"]>[];
  readonly active: readonly z.input<(typeof STEERING)[N]["schema"]>[];
}

/** For every part of the steering object: requests that change nothing, and some that change something. */
export const STEERING_CASES: { readonly [N in SteeringName]: Cases<N> } = {
  guidance: {
    neutral: [{ scale: 1 }, { negative_prompt: "Be rude.", scale: 1 }],
    active: [{}, { scale: 0 }, { negative_prompt: "Be rude.", scale: 20 }],
  },
};

/** A part's type cannot be inferred through an index. */
export const partOf = <N extends SteeringName>(name: N) =>
  STEERING[name] as unknown as SteeringPart<AskedOf<N>, SettingsOf<N>>;

/** What was asked, checked, and planned for the stand-in model. */
export function planned<N extends SteeringName>(name: N, asked: unknown): PartPlan<SettingsOf<N>> {
  return partOf(name).plan(partOf(name).schema.parse(asked), CONTEXT);
}

/** The settings that the cases of one part plan. */
export function plannedCases<N extends SteeringName>(name: N): { neutral: SettingsOf<N>[]; active: SettingsOf<N>[] } {
  const { neutral, active } = STEERING_CASES[name];
  const settings = (asked: unknown) => planned(name, asked).settings;
  return { neutral: neutral.map(settings), active: active.map(settings) };
}
