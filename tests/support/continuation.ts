import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { Unit } from "../../trainer/data/units.ts";

/** A text of which only what follows the prompt is trained on, as a unit of one example. */
export function continuation(prompt: readonly number[], tokens: readonly number[]): Unit {
  const ids = Int32Array.from([...prompt, ...tokens]);
  return { examples: [{ ids, labels: ids.map((id, at) => (at < prompt.length ? IGNORED_LABEL : id)) }] };
}
