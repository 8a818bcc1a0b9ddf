import type { EditConflict } from "../../../shared/edits/report.ts";
import { textualConflicts } from "../../../shared/edits/textual-conflicts.ts";
import { earlierFacts, interferingKeys } from "../../edits/conflicts.ts";
import type { EditModel } from "../../edits/edit-model.ts";
import { KEY_MEAN } from "../../edits/solve-batch.ts";
import { readKeys } from "../../edits/subject-states.ts";
import type { PreparedEdit } from "./prepare-edit.ts";

/** Conflicts of the facts' texts and keys, with each other and with earlier edits. */
export async function findConflicts(
  { scored, start, layers, statistics, seconds, clock }: PreparedEdit,
  model: EditModel,
): Promise<EditConflict[]> {
  const mark = clock();
  const facts = scored.map(({ encoded }) => encoded.fact);
  const layer = layers.at(-1)!;
  const keys = await readKeys(
    model,
    scored.map(({ encoded }) => encoded),
    { layer, mean: KEY_MEAN },
  );
  const { secondMoment } = statistics.get(layer)!;
  const { yieldToEventLoop } = model;
  const found = [
    ...textualConflicts(facts, earlierFacts(start.edits)),
    ...(await interferingKeys(facts, keys, { edits: start.edits, layer, secondMoment, yieldToEventLoop })),
  ];
  seconds.solve += clock() - mark;
  return found;
}
