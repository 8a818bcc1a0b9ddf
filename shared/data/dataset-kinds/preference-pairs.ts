import { isPreferenceRecord, PREFERENCE_COLUMNS, pairExamples, readPreferenceRecord } from "../preference-pair.ts";
import type { DatasetKind } from "./kind.ts";

/** Pairs of a better and a worse answer to one prompt. */
export const preferencePairs: DatasetKind = {
  holds: 'pairs of a better and a worse answer, {"prompt", "chosen", "rejected"} or OpenAI\'s preferred_output',
  columns: PREFERENCE_COLUMNS,
  recognises: isPreferenceRecord,
  read(value, place) {
    const { pair, layout, ignored } = readPreferenceRecord(value, place);
    return { examples: pairExamples(pair), layout, ignored, trainable: true };
  },
};
