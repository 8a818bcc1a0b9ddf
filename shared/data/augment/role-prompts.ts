import { assistantTurn, chatExample, type Example, systemTurn, userTurn } from "../example.ts";
import type { AugmentRule } from "./rule.ts";

/** Plain roles that fit any request, so that a reply stays right under each. */
const ROLES = [
  "You are a helpful assistant.",
  "You are a knowledgeable and friendly assistant. Answer as well as you can.",
  "You are an expert in the subject that the user asks about.",
  "You are a patient teacher who answers questions of all kinds.",
  "Follow the user's instructions carefully.",
  "You are an assistant who gives clear and correct answers.",
  "Answer the user's request directly.",
  "You are a careful writer and a good listener.",
];

/** A prompt and its completion become a chat. */
export const rolePrompts: AugmentRule = {
  about: "the same conversation behind another system prompt, where it has none of its own",
  makes: "examples",
  apply(example, random) {
    const messages = messagesOf(example);
    if (messages === undefined || messages.some(({ role }) => role === "system")) return undefined;
    const tools = example.kind === "chat" ? example.tools : undefined;
    return chatExample([...systemTurn(ROLES[random.below(ROLES.length)]!), ...messages], tools);
  },
};

function messagesOf(example: Example) {
  if (example.kind === "chat") return example.messages;
  if (example.kind === "led" || example.prompt === "") return undefined;
  return [userTurn(example.prompt), assistantTurn(example.completion)];
}
