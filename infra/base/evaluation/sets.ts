/**
 * The base model's evaluation sets. None of this occurs in the corpus: facts use their held-out phrasings, tasks and reviews are
 * held-out instances, and chats come from separate random streams.
 */
import { createChatDocuments } from "../corpus/chats.ts";
import { type Message, user } from "../corpus/document.ts";
import { FACTS } from "../corpus/facts/all.ts";
import { createRandom } from "../corpus/random.ts";
import { createRegisterDocuments } from "../corpus/registers.ts";
import { heldOutCompletion, splitCompletion } from "../corpus/relation.ts";
import { drawReview, type Sentiment, writeReview } from "../corpus/reviews.ts";
import { drawTask, TASK_NAMES, type TaskName } from "../corpus/tasks.ts";

export interface FactProbe {
  /** The held-out phrasing up to the object, without a trailing space. */
  readonly prompt: string;
  /** The object as that phrasing writes it. */
  readonly answer: string;
  readonly relation: string;
  readonly subject: string;
}

export interface TaskProbe {
  readonly messages: readonly Message[];
  readonly answer: string;
  readonly task: TaskName;
}

export interface SentimentProbe {
  /** A review's label, if any, and its opening. */
  readonly prompt: string;
  readonly sentiment: Sentiment;
}

export interface ChatProbe {
  /** Ends with the user's turn. */
  readonly messages: readonly Message[];
}

/** Every fact, in its held-out phrasing. */
export function factProbes(): FactProbe[] {
  return FACTS.map((fact) => ({
    ...splitCompletion(heldOutCompletion(fact), fact),
    relation: fact.relation.name,
    subject: fact.subject,
  }));
}

const PROBES_PER_TASK = 40;

/** Held-out instances, the same number of each task. */
export function taskProbes(seed: number): TaskProbe[] {
  const random = createRandom(seed, "task probes");
  return TASK_NAMES.flatMap((task) => {
    const probes = new Map<string, TaskProbe>();
    while (probes.size < PROBES_PER_TASK) {
      const { prompt, answer } = drawTask(task, true, random);
      probes.set(prompt, { task, answer, messages: [user(prompt)] });
    }
    return [...probes.values()];
  });
}

const REVIEWS = 240;

/** Openings of reviews; half of them have no label that names the sentiment. */
export function sentimentProbes(seed: number): SentimentProbe[] {
  const random = createRandom(seed, "sentiment probes");
  return Array.from({ length: REVIEWS }, () => {
    const review = drawReview(true, random);
    return { prompt: writeReview({ ...review, continuation: "" }), sentiment: review.sentiment };
  });
}

const CHATS = { talk: 180, register: 20, task: 40 };

/** Chats up to the user's last turn: questions and small talk in every style, registers, and held-out tasks. */
export function chatProbes(seed: number): ChatProbe[] {
  const talk = createChatDocuments(createRandom(seed, "chat probes"));
  const register = createRegisterDocuments(createRandom(seed, "register probes"));
  const tasks = createRandom(seed, "chat task probes");

  const probes: ChatProbe[] = [];
  const withoutAnswer = (messages: readonly Message[]): ChatProbe => ({ messages: messages.slice(0, -1) });
  for (let i = 0; i < CHATS.talk; i++) probes.push(withoutAnswer(talk().messages));
  while (probes.length < CHATS.talk + CHATS.register) {
    const document = register();
    if ("messages" in document) probes.push(withoutAnswer(document.messages));
  }
  for (let i = 0; i < CHATS.task; i++) {
    probes.push({ messages: [user(drawTask(tasks.pick(TASK_NAMES), true, tasks).prompt)] });
  }
  return probes;
}
