import { assistantTurn, chatExample, userTurn } from "../example.ts";
import type { LineFormat } from "./format.ts";
import { isTokenIds, texts } from "./texts.ts";

/** FLAN, xP3, Aya and others: `{"inputs", "targets"}`, a prompt that is filled in already and its answer. */
export const flan: LineFormat = {
  id: "flan",
  name: "FLAN",
  keys: ["inputs", "targets"],
  read(columns) {
    if (isTokenIds(columns.take("inputs"))) {
      throw columns.error(
        "inputs",
        "are ids of another model's tokens; upload the texts, which P3 has as inputs_pretokenized and targets_pretokenized",
      );
    }
    return chatExample([userTurn(columns.text("inputs")), assistantTurn(texts(columns, "targets")[0]!)]);
  },
};
