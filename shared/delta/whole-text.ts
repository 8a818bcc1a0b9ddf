/** How a scorer judges a whole text, by the state after its last token. */
import { TrimtabError } from "../errors.ts";
import type { Scorer } from "./scorer.ts";
import { calibrated, classLogits, logSoftmax } from "./scorer-values.ts";

/** Throws `invalid_request` for a scorer that was not calibrated for whole texts. */
export function requireWholeTexts({ about }: Scorer, param: string): void {
  if (about.temperatures.lookahead !== undefined) return;
  const message = "This classifier was not trained to judge whole texts: train it for the mode lookahead.";
  throw new TrimtabError("invalid_request", message, { param });
}

/**
 * The calibrated probability of each class [K]; of a reward model its value, as the one number.
 *
 * @param final [D]: the head's input after the text's last token
 */
export function wholeTextScores(scorer: Scorer, final: Float32Array): Float64Array {
  const logits = calibrated(scorer, classLogits(scorer, final), "lookahead");
  return logits.length === 1 ? logits : logSoftmax(logits).map(Math.exp);
}
