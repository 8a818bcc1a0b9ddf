/** For every field of every part: values at its bounds, and past them. */
import type { SteeringName } from "../../shared/decode/steering/registry.ts";
import { LIMITS } from "../../shared/limits.ts";

export interface Bound {
  readonly path: string;
  readonly at: readonly unknown[];
  readonly past: readonly unknown[];
  /** A request with this value in the field, and nothing else that is wrong. */
  readonly ask: (value: unknown) => unknown;
}

const text = (length: number) => "x".repeat(length);
const many = (count: number) => Array.from({ length: count }, (_, i) => i);
const id = { at: ["x", text(300)], past: ["", text(301), 3, null] };
const temperature = { at: [0.01, 100], past: [0.0099, 100.1, Number.NaN, "1"] };

function sides(side: "expert" | "amateur"): Bound[] {
  const ask = (value: unknown) => ({ amateur: "small", [side]: value });
  const weight = { at: [-LIMITS.deltaWeight, 0, LIMITS.deltaWeight], past: [-8.001, 8.001, Number.POSITIVE_INFINITY] };
  return [
    { path: side, ...id, ask },
    { path: `${side}.model`, ...id, ask: (model) => ask({ model }) },
    { path: `${side}.delta.id`, ...id, ask: (value) => ask({ delta: { id: value } }) },
    { path: `${side}.delta.weight`, ...weight, ask: (value) => ask({ delta: { id: "x", weight: value } }) },
    { path: `${side}.temperature`, ...temperature, ask: (value) => ask({ temperature: value }) },
    { path: `${side}.without`, at: ["system"], past: ["user", "", 1], ask: (value) => ask({ without: value }) },
    {
      path: `${side}.without.name`,
      at: ["x", text(LIMITS.messageName)],
      past: ["", text(LIMITS.messageName + 1)],
      ask: (name) => ask({ without: { name } }),
    },
    {
      path: `${side}, model beside delta`,
      at: [undefined],
      past: ["x"],
      ask: (model) => ask({ model, delta: { id: "y" } }),
    },
  ];
}

const attribute = (more: object) => [{ id: "tone", label: "kind", mode: "lookahead", ...more }];
const aimed = (more: object) => ({ id: "tone", label: "kind", ...more });
const experts = (count: number) => many(count).map((i) => ({ id: `e${i}`, weight: 1 }));
const strength = LIMITS.classifierStrength;

export const BOUNDS: { readonly [N in SteeringName]: readonly Bound[] } = {
  layers: [
    {
      path: "candidates",
      at: ["low", "high", [0], [LIMITS.layer], many(LIMITS.exits)],
      past: ["middle", [], [-1], [0.5], [LIMITS.layer + 1], many(LIMITS.exits + 1), [3, 3]],
      ask: (candidates) => ({ candidates }),
    },
    { path: "relative_top", at: [0, 1], past: [-0.001, 1.001, Number.NaN], ask: (value) => ({ relative_top: value }) },
  ],
  guidance: [
    {
      path: "negative_prompt",
      at: ["", text(LIMITS.negativePrompt)],
      past: [text(LIMITS.negativePrompt + 1), 1],
      ask: (value) => ({ negative_prompt: value }),
    },
    { path: "scale", at: [0, LIMITS.guidanceScale], past: [-0.001, 20.001, "2"], ask: (scale) => ({ scale }) },
  ],
  experts: [
    {
      path: "experts",
      at: [experts(1), experts(LIMITS.experts)],
      past: [[], experts(LIMITS.experts + 1)],
      ask: (list) => list,
    },
    {
      path: "members",
      at: [experts(1), experts(LIMITS.experts)],
      past: [[], experts(LIMITS.experts + 1), [...experts(1), ...experts(1)]],
      ask: (members) => ({ members }),
    },
    { path: "top_p", at: [1e-9, 1], past: [0, 1.001], ask: (top_p) => ({ members: experts(1), top_p }) },
    { path: "id", ...id, ask: (value) => [{ id: value, weight: 1 }] },
    {
      path: "weight",
      at: [-LIMITS.expertWeight, 0, LIMITS.expertWeight],
      past: [-20.001, 20.001, undefined],
      ask: (weight) => [{ id: "x", weight }],
    },
  ],
  contrastive: [
    ...sides("expert"),
    ...sides("amateur"),
    { path: "amateur, which must be there", at: ["x"], past: [undefined], ask: (amateur) => ({ amateur }) },
    { path: "alpha", at: [0, 1], past: [-0.001, 1.001], ask: (alpha) => ({ amateur: "x", alpha }) },
    { path: "temperature", ...temperature, ask: (value) => ({ amateur: "x", temperature: value }) },
    {
      path: "strength",
      at: [0, LIMITS.contrastStrength],
      past: [-0.001, 20.001],
      ask: (value) => ({ amateur: "x", strength: value }),
    },
  ],
  gradient: [
    { path: "id", ...id, ask: (value) => aimed({ id: value }) },
    { path: "label", at: ["x", text(64)], past: ["", text(65), undefined], ask: (label) => aimed({ label }) },
    {
      path: "iterations",
      at: [1, LIMITS.gradientIterations],
      past: [0, 1.5, LIMITS.gradientIterations + 1],
      ask: (iterations) => aimed({ iterations }),
    },
    {
      path: "step_size",
      at: [0, LIMITS.gradientStep],
      past: [-0.001, LIMITS.gradientStep + 0.001, Number.NaN],
      ask: (value) => aimed({ step_size: value }),
    },
    { path: "gamma", at: [0, 2], past: [-0.001, 2.001], ask: (gamma) => aimed({ gamma }) },
    {
      path: "kl_scale",
      at: [0, LIMITS.gradientDivergence],
      past: [-0.001, LIMITS.gradientDivergence + 0.001],
      ask: (value) => aimed({ kl_scale: value }),
    },
    { path: "gm_scale", at: [0, 1], past: [-0.001, 1.001], ask: (value) => aimed({ gm_scale: value }) },
    {
      path: "window",
      at: [undefined, 1, LIMITS.maxTokens],
      past: [0, 2.5, LIMITS.maxTokens + 1],
      ask: (window) => aimed({ window }),
    },
    { path: "pool", at: ["last", "mean"], past: ["first", ""], ask: (pool) => aimed({ pool }) },
  ],
  classifier: [
    {
      path: "classifier",
      at: [1, LIMITS.attributes],
      past: [0, LIMITS.attributes + 1],
      ask: (count) => many(count as number).flatMap(() => attribute({})),
    },
    { path: "id", ...id, ask: (value) => attribute({ id: value }) },
    { path: "label", at: ["x", text(64)], past: ["", text(65), undefined], ask: (label) => attribute({ label }) },
    {
      path: "mode",
      at: ["lookahead", "class_rows", "token_values"],
      past: ["guess", undefined],
      ask: (mode) => attribute({ mode }),
    },
    {
      path: "strength",
      at: [-strength, strength],
      past: [-200.001, 200.001],
      ask: (value) => attribute({ strength: value }),
    },
    { path: "target", at: [0.01, 0.99, undefined], past: [0.009, 0.991], ask: (target) => attribute({ target }) },
    {
      path: "strength beside target",
      at: [0, 1],
      past: [-0.001],
      ask: (value) => attribute({ strength: value, target: 0.5 }),
    },
    {
      path: "top_k",
      at: [1, LIMITS.lookahead],
      past: [0, LIMITS.lookahead + 1, 1.5],
      ask: (top_k) => attribute({ top_k }),
    },
    {
      path: "relative_top",
      at: [0, 1],
      past: [-0.001, 1.001],
      ask: (value) => attribute({ mode: "class_rows", relative_top: value }),
    },
    { path: "filter", at: [0, 1], past: [-0.001, 1.001], ask: (filter) => attribute({ mode: "class_rows", filter }) },
    {
      path: "keep_above",
      at: [0, 1],
      past: [-0.001, 1.001],
      ask: (value) => attribute({ mode: "class_rows", keep_above: value }),
    },
    {
      path: "a field of another mode",
      at: [undefined],
      past: [3],
      ask: (top_k) => attribute({ mode: "token_values", ...(top_k === undefined ? {} : { top_k }) }),
    },
  ],
};
