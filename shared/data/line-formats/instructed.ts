import { type Columns, isRecord } from "../columns.ts";
import { assistantTurn, chatExample, instructionWith, systemTurn, type TrainingMessage, userTurn } from "../example.ts";
import type { LineFormat } from "./format.ts";

interface InstructedNames {
  readonly id: string;
  readonly name: string;
  /** The columns of what the instruction is about, any of which a collection may have, and of its answer. */
  readonly about: readonly string[];
  readonly answer: string;
}

/** An instruction, its input and its answer, under these names. */
export function instructed({ id, name, about, answer }: InstructedNames): LineFormat {
  return {
    id,
    name,
    keys: ["instruction", answer],
    columns: [...about, "system", "system_prompt", "history"],
    read(columns) {
      const instruction = about.reduce(
        (asked, column) => instructionWith(asked, columns.optionalText(column)),
        columns.text("instruction"),
      );
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
