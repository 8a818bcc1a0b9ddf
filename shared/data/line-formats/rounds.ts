import { isRecord } from "../columns.ts";
import { assistantTurn, chatExample, userTurn } from "../example.ts";
import { MAX_MESSAGES } from "../messages.ts";
import { withSystem } from "./conversation.ts";
import type { LineFormat } from "./format.ts";

/** How a round names what is asked and what is answered. */
const ROUNDS = [
  ["input", "output"],
  ["human", "assistant"],
  ["user", "assistant"],
  ["question", "answer"],
] as const;

const namesOf = (round: unknown) =>
  isRecord(round) ? ROUNDS.find((names) => names.every((name) => Object.hasOwn(round, name))) : undefined;

/** Capybara, and others whose conversations are rounds: `{"conversation": [{"input", "output"}, …]}`. */
export const capybara: LineFormat = {
  id: "capybara",
  name: "Capybara",
  keys: ["conversation"],
  columns: ["system", "system_prompt"],
  fits: ({ conversation: rounds }) =>
    Array.isArray(rounds) && rounds.length > 0 && rounds.every((round) => namesOf(round) !== undefined),
  read(columns) {
    const rounds = columns.json("conversation");
    if (!Array.isArray(rounds) || rounds.length === 0) {
      throw columns.error("conversation", "must be a list of rounds, each with an input and an output");
    }
    if (2 * rounds.length > MAX_MESSAGES) {
      throw columns.error("conversation", `must have at most ${MAX_MESSAGES / 2} rounds; split it`);
    }
    const turns = rounds.flatMap((round, at) => {
      const names = namesOf(round);
      if (names === undefined) throw columns.error(`conversation[${at}]`, "must have an input and an output");
      const [asked, answered] = names.map((name) => {
        const text = (round as Readonly<Record<string, unknown>>)[name];
        if (typeof text === "string") return text;
        throw columns.error(`conversation[${at}].${name}`, "must be a text");
      });
      for (const name of Object.keys(round)) {
        if (!(names as readonly string[]).includes(name)) columns.ignore(`conversation[].${name}`);
      }
      return [userTurn(asked!), assistantTurn(answered!)];
    });
    return chatExample(withSystem(columns, turns));
  },
};
