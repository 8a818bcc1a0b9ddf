import { type Columns, isRecord } from "../columns.ts";
import { assistantTurn, chatExample, instructionWith, systemTurn, type TrainingMessage, userTurn } from "../example.ts";
import type { LineFormat } from "./format.ts";

/** An instruction, its input and its answer, under these names. */
function instructed(name: string, about: string, answer: string): LineFormat {
  return {
    name,
    keys: ["instruction", answer],
    read(columns) {
      const instruction = instructionWith(columns.text("instruction"), columns.optionalText(about));
      return chatExample([
        ...["system", "system_prompt"].flatMap((column) => systemTurn(columns.optionalText(column))),
        ...history(columns),
        userTurn(instruction),
        assistantTurn(columns.text(answer)),
      ]);
    },
  };
}

/**
 * Earlier rounds of the conversation, `[[question, answer], …]`; their answers are trained on too, as in LLaMA-Factory.
 */
function history(columns: Columns): TrainingMessage[] {
  const rounds = columns.json("history");
  if (rounds === undefined) return [];
  const isRound = (round: unknown): round is [string, string] =>
    Array.isArray(round) && round.length === 2 && round.every((text) => typeof text === "string");
  if (!Array.isArray(rounds) || isRecord(rounds) || !rounds.every(isRound)) {
    throw columns.error("history", "must be a list of pairs, each a question and its answer");
  }
  return rounds.flatMap(([question, answer]) => [userTurn(question), assistantTurn(answer)]);
}

/** Alpaca: `{"instruction", "input", "output"}`, with LLaMA-Factory's `system` and `history`. */
export const alpaca = instructed("Alpaca", "input", "output");

/** Dolly: `{"instruction", "context", "response"}`. */
export const dolly = instructed("Dolly", "context", "response");
