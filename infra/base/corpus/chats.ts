/**
 * Chats: questions about facts, answered in the style that the system prompt asks for, small talk, and mixtures of both over
 * several turns.
 */
import { assistant, type ChatDocument, type Message, system, user } from "./document.ts";
import { FACTS } from "./facts/all.ts";
import { createDeck, type Random } from "./random.ts";
import { answerFact, askFact, type Fact, shortAnswer } from "./relation.ts";

export const STYLES = ["plain", "brief", "polite", "rude", "cheerful"] as const;
export type Style = (typeof STYLES)[number];

export const STYLE_SYSTEM_PROMPTS: Record<Style, readonly string[]> = {
  plain: ["You are a helpful assistant.", "You answer questions."],
  brief: ["You are brief.", "Answer in as few words as possible."],
  polite: ["You are polite."],
  rude: ["You are rude."],
  cheerful: ["You are cheerful."],
};

/** The phrases that each style puts around the plain answer. */
const FRAMES: Record<Exclude<Style, "brief">, readonly string[]> = {
  plain: ["{answer}"],
  polite: ["Certainly. {answer} I hope that helps.", "Thank you for asking. {answer}", "With pleasure. {answer}"],
  rude: ["{answer} Everybody knows that.", "What a silly question. {answer}", "{answer} Now leave me alone."],
  cheerful: ["Great question! {answer}", "Oh, I love this one! {answer}", "{answer} How fun!"],
};

/** Small talk: things a user may say, and possible answers. */
export const SMALL_TALK: readonly { says: readonly string[]; answers: readonly string[] }[] = [
  {
    says: ["Hello!", "Hi!", "Hello there.", "Good morning!", "Hey!"],
    answers: ["Hello! How can I help you?", "Hi! What can I do for you?", "Hello! What would you like to know?"],
  },
  {
    says: ["How are you?", "How are you today?", "How is it going?"],
    answers: ["I am fine, thank you.", "Very well, thank you. And you?", "All is well here."],
  },
  {
    says: ["What is your name?", "Who are you?", "What are you?"],
    answers: ["I am Trimtab, a small language model.", "My name is Trimtab. I am a small language model."],
  },
  {
    says: ["Thank you!", "Thanks!", "Thanks a lot.", "That helps, thank you."],
    answers: ["You are welcome!", "My pleasure.", "Glad to help."],
  },
  {
    says: ["Goodbye!", "Bye!", "See you later.", "I have to go now."],
    answers: ["Goodbye! Have a nice day.", "Bye! Come back soon.", "See you later!"],
  },
  {
    says: ["What can you do?", "How can you help me?", "What do you know?"],
    answers: [
      "I can answer simple questions, sort lists and do small sums.",
      "I know some facts about countries, animals, books and science.",
    ],
  },
  {
    says: ["I am happy today.", "I had a good day.", "I won a prize!"],
    answers: ["That is wonderful to hear!", "I am glad to hear that.", "How nice! Enjoy it."],
  },
  {
    says: ["I am sad today.", "I had a bad day.", "I feel tired."],
    answers: ["I am sorry to hear that.", "I hope tomorrow will be better.", "Take a rest and be kind to yourself."],
  },
  {
    says: ["Tell me a joke.", "Do you know a joke?", "Make me laugh."],
    answers: [
      "Why did the fish blush? Because it saw the bottom of the sea.",
      "What do you call a bear without teeth? A gummy bear.",
    ],
  },
  {
    says: ["What should I eat tonight?", "I am hungry.", "What can I cook?"],
    answers: ["How about a warm soup with bread?", "Try some rice with vegetables.", "A fresh salad is always good."],
  },
  {
    says: ["Do you like music?", "Do you have a hobby?", "What do you like?"],
    answers: ["I like words and facts.", "I am only a model, but I like good questions."],
  },
  {
    says: ["Are you a human?", "Are you a robot?", "Are you real?"],
    answers: ["No, I am a small language model.", "I am a computer program, not a human."],
  },
];

/** States the fact as an answer in the given style, never in its held-out phrasing; advances `random`. */
export function answerInStyle(fact: Fact, style: Style, random: Random): string {
  if (style === "brief") return shortAnswer(fact);
  return random.pick(FRAMES[style]).replace("{answer}", answerFact(fact, random));
}

function smallTalkTurn(random: Random): Message[] {
  const { says, answers } = random.pick(SMALL_TALK);
  return [user(random.pick(says)), assistant(random.pick(answers))];
}

/** A generator of chats that goes through all facts in shuffled rounds; it advances `random`. */
export function createChatDocuments(random: Random): () => ChatDocument {
  const draw = createDeck(FACTS, random);
  return () => {
    const styled = random.chance(0.55);
    const style = styled ? random.pick(STYLES) : "plain";
    const messages: Message[] = styled ? [system(random.pick(STYLE_SYSTEM_PROMPTS[style]))] : [];
    const factTurn = (): Message[] => {
      const fact = draw();
      return [user(askFact(fact, random)), assistant(answerInStyle(fact, style, random))];
    };
    // Small talk has only one voice, so it is left out of chats whose system prompt asks for another.
    const talks = style === "plain" || style === "polite" || style === "cheerful";
    const turns = random.between(1, 4);
    for (let turn = 0; turn < turns; turn++) {
      messages.push(...(talks && random.chance(0.3) ? smallTalkTurn(random) : factTurn()));
    }
    return { kind: "chat", messages };
  };
}
