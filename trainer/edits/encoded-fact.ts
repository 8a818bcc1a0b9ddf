import type { EditFact } from "../../shared/edits/fact.ts";
import type { EncodedRow } from "./rows.ts";

/** A fact as ids. `at` of every row is the subject's last token. */
export interface EncodedFact {
  /** Its place in the file, counted from 0. */
  readonly index: number;
  readonly fact: EditFact;
  /** The prompt alone first, then the prompt behind prefixes. */
  readonly contexts: readonly EncodedRow[];
  /** What shall follow the prompt; at least one token. */
  readonly target: readonly number[];
  /** "{subject} is a", up to the subject's last token, where the divergence from the unedited model is measured. */
  readonly subjectAlone: EncodedRow;
}
