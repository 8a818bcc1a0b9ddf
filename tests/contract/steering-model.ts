/** A stand-in for a model and its companions, whose outputs depend on a row's own tokens alone, as a model's do. */
import type { RowState } from "../../shared/decode/processor.ts";
import type { StepView } from "../../shared/decode/sampler.ts";
import type { PlanContext } from "../../shared/decode/steering/part.ts";
import { createRandom } from "../../shared/random.ts";

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
  };
}

export const CONTEXT: PlanContext = {
  vocabSize: VOCABULARY,
  layers: LAYERS,
  tiedHead: false,
  hasChat: true,
  scorer: (at) => {
    throw new Error(`no scoring head at ${at}`);
  },
  same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) % VOCABULARY),
};
