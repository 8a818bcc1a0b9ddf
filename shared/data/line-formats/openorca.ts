import { z } from "zod";
import { assistantTurn, chatExample, systemTurn, userTurn } from "../example.ts";
import { COMMON_LABELS, type LineFormat } from "./format.ts";

/** OpenOrca: `{"system_prompt", "question", "response"}`. */
export const openorca: LineFormat = {
  name: "OpenOrca",
  keys: ["question", "response"],
  schema: z
    .strictObject({ system_prompt: z.string().nullish(), question: z.string(), response: z.string(), ...COMMON_LABELS })
    .transform(({ system_prompt, question, response }) =>
      chatExample([...systemTurn(system_prompt), userTurn(question), assistantTurn(response)]),
    ),
};
