import { z } from "zod";
import { assistantTurn, chatExample, instructionWith, systemTurn, userTurn } from "../example.ts";
import { COMMON_LABELS, type LineFormat, labels } from "./format.ts";

/** Alpaca: `{"instruction", "input", "output"}`. */
export const alpaca: LineFormat = {
  name: "Alpaca",
  keys: ["instruction", "output"],
  schema: z
    .strictObject({
      instruction: z.string(),
      input: z.string().nullish(),
      output: z.string(),
      system: z.string().nullish(),
      ...labels("text"),
      ...COMMON_LABELS,
    })
    .transform(({ instruction, input, output, system }) =>
      chatExample([...systemTurn(system), userTurn(instructionWith(instruction, input)), assistantTurn(output)]),
    ),
};
