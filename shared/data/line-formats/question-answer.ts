import type { Columns } from "../columns.ts";
import { assistantTurn, chatExample, systemTurn, type TrainingMessage, userTurn } from "../example.ts";
import { holdsMessages, readMessages } from "../messages.ts";
import type { LineFormat } from "./format.ts";

const SYSTEM = ["system", "system_prompt"];

/** One question and one answer in columns of these names, as a chat; with an optional system text. */
function questionAnswer(name: string, question: string, answer: string): LineFormat {
  return {
    name,
    keys: [question, answer],
    read(columns) {
      const system = SYSTEM.flatMap((column) => systemTurn(columns.optionalText(column)));
      return chatExample([...system, ...asked(columns, question), ...answered(columns, answer)]);
    },
  };
}

/** Either side may be a conversation, as in OpenAI's evals; no turn of the question is trained on. */
function asked(columns: Columns, question: string): TrainingMessage[] {
  if (!holdsMessages(columns.take(question))) return [userTurn(columns.text(question))];
  return readMessages(columns, question).map((turn) => (turn.role === "assistant" ? { ...turn, weight: 0 } : turn));
}

function answered(columns: Columns, answer: string): TrainingMessage[] {
  return holdsMessages(columns.take(answer)) ? readMessages(columns, answer) : [assistantTurn(columns.text(answer))];
}

/** OpenOrca: `{"system_prompt", "question", "response"}`. */
export const openorca = questionAnswer("OpenOrca", "question", "response");

/** Pairs under the other names that datasets give them: GSM8K, MetaMath, competition mathematics, evals and more. */
export const PAIRS: readonly LineFormat[] = [
  questionAnswer("GSM8K", "question", "answer"),
  questionAnswer("MetaMath", "query", "response"),
  questionAnswer("query and answer", "query", "answer"),
  questionAnswer("MATH", "problem", "solution"),
  questionAnswer("prompt and response", "prompt", "response"),
  questionAnswer("prompt and answer", "prompt", "answer"),
  questionAnswer("prompt and output", "prompt", "output"),
  questionAnswer("evals", "input", "ideal"),
  questionAnswer("input and output", "input", "output"),
  questionAnswer("input and target", "input", "target"),
];
