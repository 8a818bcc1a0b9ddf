import { questionAnswer } from "./question-answer.ts";

/** OpenOrca: `{"system_prompt", "question", "response"}`. */
export const openorca = questionAnswer({ id: "openorca", name: "OpenOrca", keys: ["question", "response"] });
