/** Task documents: as chats of one to three tasks, and as plain text with the answer on its own line. */
import { assistant, type Document, system, user } from "./document.ts";
import type { Random } from "./random.ts";
import { drawTrainingTask } from "./tasks.ts";

export const TASK_SYSTEM_PROMPTS = [
  "You are a helpful assistant.",
  "You solve small tasks. Answer with the result only.",
] as const;

export function createTaskDocuments(random: Random): () => Document {
  return () => {
    const tasks = Array.from({ length: random.between(1, 3) }, () => drawTrainingTask(random));
    if (random.chance(0.3)) {
      const text = tasks.map(({ prompt, answer }) => `Task: ${prompt}\nAnswer: ${answer}\n`).join("");
      return { kind: "task", text };
    }
    const turns = tasks.flatMap(({ prompt, answer }) => [user(prompt), assistant(answer)]);
    const messages = random.chance(0.3) ? [system(random.pick(TASK_SYSTEM_PROMPTS)), ...turns] : turns;
    return { kind: "task", messages };
  };
}
