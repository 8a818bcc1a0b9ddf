import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { Columns, isRecord, recordError } from "../columns.ts";
import type { DatasetKind, KindTally } from "./kind.ts";
import { readLabelledText } from "./labelled-text.ts";

/** Texts, each with the name of its class. */
export const labelledTexts: DatasetKind = {
  holds: 'texts with labels, such as {"text", "label"}',
  columns: ["text", "messages", "label"],
  recognises: (record) => record.label != null && (record.text != null || record.messages != null),
  read(value, place) {
    if (!isRecord(value)) throw recordError(place, " is not a JSON object");
    const columns = new Columns(value, place);
    const { text, label } = readLabelledText(columns);
    return {
      examples: [{ kind: "completion", prompt: "", completion: text }],
      layout: columns.has("text") ? "text and label" : "chat and label",
      ignored: columns.ignored(),
      trainable: true,
      group: label,
    };
  },
  tally(): KindTally {
    const labels = new Set<string>();
    return {
      add({ group }) {
        labels.add(group!);
        if (labels.size <= LIMITS.labels) return;
        throw new TrimtabError("invalid_file", `the file has more than ${LIMITS.labels} labels`);
      },
      end() {
        if (labels.size >= 2) return;
        const only = [...labels].map((label) => JSON.stringify(label)).join("");
        throw new TrimtabError(
          "invalid_file",
          `all texts of the file have the label ${only}; at least 2 labels are needed`,
        );
      },
    };
  },
};
