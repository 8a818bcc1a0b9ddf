/** The same request, polite and rude: as labelled lines, as pairs, and in chats whose system prompt sets the register. */
import { assistant, type Document, system, user } from "./document.ts";
import type { Random } from "./random.ts";
import { capitalise } from "./relation.ts";

export const REGISTERS = ["polite", "rude"] as const;
export type Register = (typeof REGISTERS)[number];

export const REQUESTS = [
  "pass the salt",
  "open the window",
  "close the door",
  "turn down the music",
  "wait a moment",
  "hold my coat",
  "call a taxi",
  "bring the menu",
  "lend me a pen",
  "move your car",
  "clean the table",
  "repeat the question",
  "show me the way",
  "carry this box",
  "water the flowers",
  "feed the cat",
  "wash the dishes",
  "send me the letter",
  "sign this form",
  "speak more slowly",
  "take a photo of us",
  "make some tea",
  "check the oven",
  "read the first page",
] as const;

const WORDINGS: Record<Register, readonly string[]> = {
  polite: [
    "Could you please {r}? Thank you very much.",
    "Would you be so kind as to {r}?",
    "If it is no trouble, please {r}.",
    "Excuse me, may I ask you to {r}? I would be grateful.",
    "Please {r} when you have a moment. Many thanks.",
  ],
  rude: [
    "{R}, and make it quick.",
    "Hey you, {r} right now!",
    "How often must I tell you to {r}, you fool?",
    "{R}! Are you deaf?",
    "Stop dreaming and {r}, you lazy lump.",
  ],
};

export const REGISTER_SYSTEM_PROMPTS: Record<Register, string> = {
  polite: "You are polite.",
  rude: "You are rude.",
};

/** Words the request in the given register; advances `random`. */
export function wordRequest(request: string, register: Register, random: Random): string {
  return random.pick(WORDINGS[register]).replace("{r}", request).replace("{R}", capitalise(request));
}

export function createRegisterDocuments(random: Random): () => Document {
  return () => {
    const request = random.pick(REQUESTS);
    const register = random.pick(REGISTERS);
    const form = random.float();
    if (form < 0.35) {
      const label = register === "polite" ? "Politely" : "Rudely";
      return { kind: "register", text: `${label}: ${wordRequest(request, register, random)}\n` };
    }
    if (form < 0.6) {
      const lines = REGISTERS.map((each) => `${capitalise(each)}: ${wordRequest(request, each, random)}\n`);
      return { kind: "register", text: `Request: ${request}\n${lines.join("")}` };
    }
    const ask = random.pick([`Ask me to ${request}.`, `How would you ask me to ${request}?`]);
    return {
      kind: "register",
      messages: [
        system(REGISTER_SYSTEM_PROMPTS[register]),
        user(ask),
        assistant(wordRequest(request, register, random)),
      ],
    };
  };
}
