import { answeredPrompt } from "../preference-pair.ts";
import { isUnpairedRecord, readUnpairedRecord, requireLabels, UNPAIRED_COLUMNS } from "../unpaired-preference.ts";
import type { DatasetKind, KindTally } from "./kind.ts";

/** Completions, each with a label that says whether it is desirable. */
export const unpairedPreferences: DatasetKind = {
  holds: 'completions with a label of true or false, {"prompt", "completion", "label"}',
  columns: UNPAIRED_COLUMNS,
  recognises: isUnpairedRecord,
  read(value, place) {
    const { unpaired, ignored } = readUnpairedRecord(value, place);
    const { prompt, completion, tools, label } = unpaired;
    return {
      examples: [answeredPrompt(prompt, completion, tools)],
      ...{ layout: "completion and label", ignored, trainable: true, group: String(label) },
    };
  },
  tally(): KindTally {
    const labels = new Set<string>();
    return { add: ({ group }) => void labels.add(group!), end: () => requireLabels(labels, "the file") };
  },
};
