/** A stand-in for a model and its companions, whose outputs depend on a row's own tokens alone, as a model's do. */
import type { RowState } from "../../shared/decode/processor.ts";
import type { StepView } from "../../shared/decode/sampler.ts";
import type { CompanionRow, PlanContext, Reference } from "../../shared/decode/steering/part.ts";
import type { Scorer } from "../../shared/delta/scorer.ts";
import { createRandom } from "../../shared/random.ts";
import { f32 } from "../../shared/tensor.ts";

export const VOCABULARY = 23;
const LAYERS = 8;
const HIDDEN = 6;

function normals(row: RowState, count: number, scale: number, ...what: readonly (string | number)[]): Float32Array {
  const random = createRandom(row.prompt[0]!, ...what, ...row.generated);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

export const logitsOf = (row: RowState): Float32Array => normals(row, VOCABULARY, 3, "logits");

/** What the batch computes for this leader in this step. */
export function viewOf(row: RowState): StepView {
  return {
    logits: (role) => normals(row, VOCABULARY, 3, "logits", role),
    final: (role = "") => normals(row, HIDDEN, 1, "final", role),
    exit: (layer) => normals(row, VOCABULARY, 2, "exit", layer),
    probe(role, tokens, visit) {
      for (const [index, token] of tokens.entries()) {
        const next = { ...row, generated: [...row.generated, token] };
        const view = viewOf(next);
        visit({ index, token, logits: view.logits(role), final: view.final(role) });
      }
    },
    perturb({ judge, label, iterations, before }) {
      const logits = normals(
        row,
        VOCABULARY,
        3,
        "perturbed",
        judge,
        label,
        ...(before?.sum ? Array.from(before.sum) : []),
      );
      return { logits, losses: Array.from({ length: iterations }, (_, i) => iterations - i) };
    },
  };
}

/** A scorer with every way of judging; class rows only where it has several classes. */
function scorerWith(...labels: string[]): Scorer {
  const draw = (name: string, ...shape: [number, ...number[]]) => {
    const random = createRandom(7, "scorer", name, ...labels);
    const size = shape.reduce((product, each) => product * each, 1);
    return f32(
      shape,
      Array.from({ length: size }, () => random.normal()),
    );
  };
  const [classes, rank] = [labels.length, 2];
  const rows = { control: labels.map((_, c) => [c + 1]), scale: 4, bias: labels.map((_, c) => c / 4) };
  return {
    weight: draw("weight", HIDDEN, classes),
    bias: draw("bias", classes),
    tokens: { a: draw("a", HIDDEN, classes * rank), t: draw("t", VOCABULARY, rank) },
    about: {
      labels,
      lead: [1],
      temperatures: { lookahead: 1.5, token_values: 0.8, ...(classes > 1 ? { class_rows: 1.2 } : {}) },
      ...(classes > 1 ? { class_rows: rows } : {}),
    },
  };
}

export const SCORERS: Readonly<Record<string, Scorer>> = {
  tone: scorerWith("kind", "rude"),
  mood: scorerWith("glad", "sad", "calm"),
  reward: scorerWith("value"),
};

/** What a plan may know of the stand-in model, when these references are resolved. */
export function contextFor(references: readonly Reference[]): PlanContext {
  const named = (model: CompanionRow["model"]) => {
    const at = typeof model === "string" ? undefined : references.find((each) => each.at === model.at);
    return at === undefined ? model : `${at.id} ${at.weight}`;
  };
  return {
    vocabSize: VOCABULARY,
    layers: LAYERS,
    tiedHead: false,
    hasChat: true,
    scorer: (at) => SCORERS[references.find((each) => each.at === at)!.id]!,
    same: (a, b) => named(a) === named(b),
    encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) % VOCABULARY),
  };
}
