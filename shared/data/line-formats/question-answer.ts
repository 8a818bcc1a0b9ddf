import type { Columns } from "../columns.ts";
import { assistantTurn, chatExample, instructionWith, systemTurn, type TrainingMessage, userTurn } from "../example.ts";
import { holdsMessages, readMessages } from "../messages.ts";
import type { LineFormat } from "./format.ts";

const SYSTEM = ["system", "system_prompt"];
/** What the question is about, such as the tables that a query in SQL is to be written for. */
const ABOUT = "context";

interface PairNames {
  readonly id: string;
  readonly name: string;
  /** The columns of the question and its answer. */
  readonly keys: readonly [question: string, answer: string];
}

/** One question and one answer in columns of these names, as a chat; with optional texts of the system and of what the question is about. */
export function questionAnswer({ id, name, keys }: PairNames): LineFormat {
  const [question, answer] = keys;
  return {
    id,
    name,
    keys,
    columns: [...SYSTEM, ABOUT],
    read(columns) {
      const system = SYSTEM.flatMap((column) => systemTurn(columns.optionalText(column)));
      return chatExample([...system, ...asked(columns, question), ...answered(columns, answer)]);
    },
  };
}

/** Either side may be a conversation, as in OpenAI's evals; no turn of the question is trained on. */
function asked(columns: Columns, question: string): TrainingMessage[] {
  if (!holdsMessages(columns.take(question)))
    return [userTurn(instructionWith(columns.text(question), about(columns)))];
  return readMessages(columns, question).map((turn) => (turn.role === "assistant" ? { ...turn, weight: 0 } : turn));
}

/** Collections to look answers up in have lists of documents there, which are left out. */
function about(columns: Columns): string | undefined {
  return typeof columns.peek(ABOUT) === "string" ? columns.text(ABOUT) : undefined;
}

function answered(columns: Columns, answer: string): TrainingMessage[] {
  return holdsMessages(columns.take(answer)) ? readMessages(columns, answer) : [assistantTurn(columns.text(answer))];
}

/** Pairs under the other names that datasets give them: GSM8K, MetaMath, competition mathematics, evals and more. */
export const PAIRS: readonly LineFormat[] = (
  [
    { id: "gsm8k", name: "GSM8K", keys: ["question", "answer"] },
    { id: "metamath", name: "MetaMath", keys: ["query", "response"] },
    { id: "query_answer", name: "query and answer", keys: ["query", "answer"] },
    { id: "math", name: "MATH", keys: ["problem", "solution"] },
    { id: "prompt_response", name: "prompt and response", keys: ["prompt", "response"] },
    { id: "prompt_answer", name: "prompt and answer", keys: ["prompt", "answer"] },
    { id: "prompt_output", name: "prompt and output", keys: ["prompt", "output"] },
    { id: "evals", name: "evals", keys: ["input", "ideal"] },
    { id: "input_output", name: "input and output", keys: ["input", "output"] },
    { id: "input_target", name: "input and target", keys: ["input", "target"] },
  ] as const
).map(questionAnswer);
