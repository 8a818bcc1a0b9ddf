import { z } from "zod";
import { assistantTurn, chatExample, instructionWith, userTurn } from "../example.ts";
import { COMMON_LABELS, type LineFormat } from "./format.ts";

/** Dolly: `{"instruction", "context", "response"}`. */
export const dolly: LineFormat = {
  name: "Dolly",
  keys: ["instruction", "response"],
  schema: z
    .strictObject({ instruction: z.string(), context: z.string().nullish(), response: z.string(), ...COMMON_LABELS })
    .transform(({ instruction, context, response }) =>
      chatExample([userTurn(instructionWith(instruction, context)), assistantTurn(response)]),
    ),
};
