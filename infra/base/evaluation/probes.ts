/** What the reports of jobs ask the embedded base: its evaluation sets, in the form of `evaluation.json`. */
import type { EvaluationProbes, Style } from "../../../shared/evaluation/probes.ts";
import { createProseDocuments } from "../corpus/prose.ts";
import { createRandom } from "../corpus/random.ts";
import { REGISTERS, REQUESTS, wordRequest } from "../corpus/registers.ts";
import { drawReview, writeReview } from "../corpus/reviews.ts";
import { EVALUATION_SEED } from "./evaluate.ts";
import { heldOutReviewExamples } from "./sentiment-classifier.ts";
import { factProbes, sentimentProbes, taskProbes } from "./sets.ts";
import { compactClassifier, trainWordClassifier } from "./train-word-classifier.ts";

const CLASSIFIER_SEED = 4711;
const EXAMPLES = 2_000;
/** Weights below it change hardly any verdict, and would be most of the file. */
const LEAST_WEIGHT = 0.15;
const TASKS_OF_KIND = 24;
const TEXTS_OF_KIND = 32;
const OPENINGS = 48;

/** Facts in their held-out phrasings, held-out tasks, texts of streams of their own, and two styles. */
export function embeddedProbes(seed: number = EVALUATION_SEED): EvaluationProbes {
  const facts = factProbes();
  const tasks = Map.groupBy(taskProbes(seed), ({ task }) => task);
  const random = createRandom(seed, "base texts");
  const prose = createProseDocuments(createRandom(seed, "base prose"));
  const reviews = Array.from({ length: TEXTS_OF_KIND }, () => writeReview(drawReview(true, random)));
  const stories = Array.from({ length: TEXTS_OF_KIND }, () => prose().text.trim());
  const stated = facts
    .filter((_, index) => index % Math.ceil(facts.length / TEXTS_OF_KIND) === 0)
    .map(({ prompt, answer }) => `${prompt} ${answer}.`);
  return {
    format: "trimtab.evaluation/1",
    facts: facts.map(({ prompt, answer, subject }) => ({ prompt, answer, subject })),
    tasks: [...tasks].flatMap(([task, probes]) =>
      probes.slice(0, TASKS_OF_KIND).map(({ messages, answer }) => ({
        ...{ task, user: messages.at(-1)!.content, answer },
        match: task === "extract" ? ("json" as const) : ("text" as const),
      })),
    ),
    texts: [...reviews, ...stories, ...stated],
    styles: [registerStyle(seed), sentimentStyle(seed)],
  };
}

/** Requests for a request without a system prompt, which leaves the register open. */
function registerStyle(seed: number): Style {
  const random = createRandom(seed, "register examples");
  const examples = Array.from({ length: EXAMPLES }, (_, index) => {
    const register = REGISTERS[index % 2]!;
    return { text: wordRequest(random.pick(REQUESTS), register, random), high: register === "polite" };
  });
  return {
    ...{ name: "register", high: "polite", low: "rude" },
    classifier: compactClassifier(trainWordClassifier(examples), LEAST_WEIGHT),
    prompts: REQUESTS.flatMap((request) => [
      { user: `Ask me to ${request}.` },
      { user: `How would you ask me to ${request}?` },
    ]),
  };
}

/** Openings of reviews, as many of either mood. */
function sentimentStyle(seed: number): Style {
  const examples = heldOutReviewExamples(CLASSIFIER_SEED, EXAMPLES).map(({ text, sentiment }) => {
    return { text, high: sentiment === "positive" };
  });
  const openings = Map.groupBy(sentimentProbes(seed), ({ sentiment }) => sentiment);
  return {
    ...{ name: "sentiment", high: "positive", low: "negative" },
    classifier: compactClassifier(trainWordClassifier(examples), LEAST_WEIGHT),
    prompts: [...openings.values()].flatMap((some) =>
      some.slice(0, OPENINGS / 2).map(({ prompt }) => ({ text: prompt })),
    ),
  };
}

/** The file: an entry a line, so that changes can be read. */
export function probesText(probes: EvaluationProbes): string {
  const fields = Object.entries(probes).map(([name, value]) => {
    const shown = Array.isArray(value)
      ? `[\n${value.map((entry) => JSON.stringify(entry)).join(",\n")}\n]`
      : JSON.stringify(value);
    return `${JSON.stringify(name)}: ${shown}`;
  });
  return `{\n${fields.join(",\n")}\n}\n`;
}
