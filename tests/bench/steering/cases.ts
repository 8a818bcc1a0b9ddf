/** What the benchmark steers with. */
import type { SteeringName } from "../../../shared/decode/steering/registry.ts";

/** The models that rows run with. `tuned`: weights of its own. */
export type ModelName = "base" | "tuned" | "lora 0" | "lora 1" | "lora 2" | "lora 3" | "classifier" | "vector";

export interface SteeringCase {
  /** As requests have it. */
  readonly parts?: Partial<Readonly<Record<SteeringName, unknown>>>;
  /** The model at each place that names one; `own`: the request's. */
  readonly models?: Readonly<Record<string, ModelName>>;
  /** A vector that is added if the prompt is on its side, which it always is here. */
  readonly conditional?: boolean;
  /** A scorer that answers at once. */
  readonly scorer?: boolean;
  readonly traced?: number;
  /** The most that a token may cost next to a plain one; absent: no target. */
  readonly target?: number;
  /** Rows of a text. */
  readonly rows: number;
}

const TWO_ROWS = 1.3;
const ONE_PASS = 1.4;
const LOOKAHEAD = 3;
const label = "kind";

const experts = (count: number): SteeringCase => {
  const places = Array.from({ length: count }, (_, i) => i);
  return {
    parts: { experts: places.map((i) => ({ id: `lora ${i}`, weight: i % 2 === 0 ? 0.5 : -0.5 })) },
    models: Object.fromEntries(places.map((i) => [`experts[${i}].id`, `lora ${i}` as ModelName])),
    rows: 1 + count,
  };
};
const classifier = (mode: string, rows: number, target: number): SteeringCase => ({
  parts: { classifier: [{ id: "classifier", label, mode }] },
  models: { "classifier[0].id": "classifier" },
  rows,
  target,
});

export const CASES = {
  plain: { rows: 1 },
  guidance: { parts: { guidance: { negative_prompt: "Be rude." } }, rows: 2, target: TWO_ROWS },
  "contrastive, base": {
    parts: { contrastive: { amateur: "base" } },
    models: { own: "lora 0" },
    rows: 2,
    target: TWO_ROWS,
  },
  "contrastive, delta": {
    parts: { contrastive: { amateur: { delta: { id: "lora 0" } } } },
    models: { "contrastive.amateur.delta.id": "lora 0" },
    rows: 2,
    target: TWO_ROWS,
  },
  "contrastive, other weights": {
    parts: { contrastive: { amateur: "tuned" } },
    models: { "contrastive.amateur": "tuned" },
    rows: 2,
  },
  "experts, 2": experts(2),
  "experts, 4": experts(4),
  layers: { parts: { layers: {} }, rows: 1 },
  vector: { models: { own: "vector" }, rows: 1 },
  "vector, conditional": { conditional: true, rows: 1 },
  "class_rows, 2 labels": classifier("class_rows", 3, ONE_PASS),
  token_values: classifier("token_values", 2, ONE_PASS),
  "lookahead, 16": classifier("lookahead", 2, LOOKAHEAD),
  scorer: { scorer: true, rows: 1 },
  trace: { traced: 5, rows: 1 },
  "guidance, trace": { parts: { guidance: { negative_prompt: "Be rude." } }, traced: 5, rows: 2 },
} as const satisfies Readonly<Record<string, SteeringCase>>;

export type CaseName = keyof typeof CASES;
export const CASE_NAMES = Object.keys(CASES) as CaseName[];
export const caseNamed = (name: CaseName): SteeringCase => CASES[name];
