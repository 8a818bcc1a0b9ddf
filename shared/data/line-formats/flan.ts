import { z } from "zod";
import { assistantTurn, chatExample, instructionWith, userTurn } from "../example.ts";
import { COMMON_LABELS, type LineFormat, labels } from "./format.ts";

/** FLAN and Natural Instructions: `{"definition", "inputs", "targets"}`. */
export const flan: LineFormat = {
  name: "FLAN and Natural Instructions",
  keys: ["inputs", "targets"],
  schema: z
    .strictObject({
      definition: z.union([z.string(), z.array(z.string()).min(1)]).nullish(),
      inputs: z.string(),
      targets: z.union([z.string(), z.array(z.string()).min(1)]),
      ...labels("task", "task_name", "template_type", "template_idx", "task_source"),
      ...COMMON_LABELS,
    })
    .transform(({ definition, inputs, targets }) =>
      // Where several answers are right, the first is the one to learn.
      chatExample([
        userTurn(instructionWith([definition ?? []].flat().join("\n"), inputs)),
        assistantTurn([targets].flat()[0]!),
      ]),
    ),
};
