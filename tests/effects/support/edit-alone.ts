/** Facts edited by ROME, each alone on the unedited base. */
import type { EditScores } from "../../../shared/edits/report.ts";
import { findValues, type ValueOptions } from "../../../trainer/edits/find-values.ts";
import type { FactAnswers } from "../../../trainer/edits/score-edits.ts";
import { momentFactor, solveRome } from "../../../trainer/edits/solve/rome.ts";
import { KEY_MEAN } from "../../../trainer/edits/solve-batch.ts";
import { readKeys } from "../../../trainer/edits/subject-states.ts";
import { type EditLab, type LabFact, scoresOf } from "./edit-lab.ts";

/**
 * Values of all facts are found in one batch, which gives each what it has alone; solves and scores are of one fact at a time. `onFact`:
 * called with how many are done. Resets the model.
 */
export async function measureAlone(
  lab: EditLab,
  facts: readonly LabFact[],
  values: ValueOptions,
  onFact?: (done: number) => void,
): Promise<EditScores> {
  const { model, statistics } = lab;
  const { layer } = values;
  const encoded = facts.map((fact) => fact.encoded);
  model.reset();
  const found = await findValues(model, encoded, values);
  const keys = await readKeys(model, encoded, { layer, mean: KEY_MEAN });
  const width = keys.shape[1]!;
  const secondMoment = statistics.moments.get(layer)!;
  const factor = momentFactor(secondMoment);
  const after: FactAnswers[] = [];
  for (const [row, { delta }] of found.entries()) {
    const key = keys.data.slice(row * width, (row + 1) * width);
    model.change(layer, solveRome({ secondMoment, key, delta, factor }));
    after.push(...(await lab.answers([facts[row]!])));
    model.reset();
    onFact?.(row + 1);
  }
  return scoresOf(facts, after);
}
