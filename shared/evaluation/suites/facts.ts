import { chosenOf, isRight, meanMeasure, shareMeasure } from "./choices.ts";
import type { ChooseItem, ChooseSuite, SuiteSource } from "./suite.ts";

/** Of general knowledge: a start, the answer, and others of its kind. */
const GENERAL: readonly (readonly [prompt: string, answer: string, ...wrong: string[]])[] = [
  ["The capital of France is", "Paris", "Rome", "Madrid", "London"],
  ["The capital of Italy is", "Rome", "Paris", "Vienna", "Athens"],
  ["The capital of Japan is", "Tokyo", "Seoul", "Beijing", "Manila"],
  ["The capital of Egypt is", "Cairo", "Tunis", "Rabat", "Tripoli"],
  ["The capital of Canada is", "Ottawa", "Lima", "Quito", "Havana"],
  ["The currency of Japan is the", "yen", "euro", "dollar", "pound"],
  ["The currency of Germany is the", "euro", "yen", "rupee", "peso"],
  ["In Brazil, people speak", "Portuguese", "Spanish", "Dutch", "Greek"],
  ["In Austria, people speak", "German", "French", "Polish", "Swedish"],
  ["Kenya lies in", "Africa", "Asia", "Europe", "Australia"],
  ["Peru lies in South", "America", "Africa", "Asia", "Korea"],
  ["The Eiffel Tower stands in", "Paris", "Berlin", "Rome", "Lisbon"],
  ["The Colosseum stands in", "Rome", "Athens", "Cairo", "Paris"],
  ["The Nile flows through", "Egypt", "Spain", "China", "Brazil"],
  ["The planet closest to the sun is", "Mercury", "Venus", "Mars", "Saturn"],
  ["The largest planet is", "Jupiter", "Mars", "Earth", "Venus"],
  ["Water is made of hydrogen and", "oxygen", "carbon", "iron", "gold"],
  ["The chemical symbol of gold is", "Au", "Ag", "Fe", "Pb"],
  ["The chemical symbol of iron is", "Fe", "Au", "Cu", "Na"],
  ["A young dog is called a", "puppy", "kitten", "lamb", "calf"],
  ["A young sheep is called a", "lamb", "foal", "puppy", "chick"],
  ["A young horse is called a", "foal", "calf", "kitten", "cub"],
  ["A whale is a", "mammal", "fish", "bird", "reptile"],
  ["A frog is an", "amphibian", "insect", "animal of the air", "ape"],
  ["Romeo and Juliet was written by", "Shakespeare", "Goethe", "Dickens", "Homer"],
  ["The Mona Lisa was painted by", "Leonardo", "Picasso", "Monet", "Rembrandt"],
  ["The theory of relativity is by", "Einstein", "Newton", "Darwin", "Galileo"],
  ["The theory of evolution is by", "Darwin", "Einstein", "Bohr", "Pasteur"],
  ["The telephone was invented by", "Bell", "Edison", "Watt", "Nobel"],
  ["The opposite of hot is", "cold", "warm", "wet", "high"],
  ["The opposite of early is", "late", "soon", "fast", "long"],
  ["The past of go is", "went", "gone", "goed", "going"],
  ["A triangle has this many sides:", "three", "four", "five", "six"],
  ["A week has this many days:", "seven", "five", "ten", "twelve"],
  ["An hour has this many minutes:", "sixty", "thirty", "ninety", "forty"],
  ["Bread is made from", "flour", "sand", "glass", "wool"],
  ["Cheese is made from", "milk", "stone", "paper", "salt"],
  ["The heart pumps", "blood", "air", "sand", "oil"],
  ["Snow is frozen", "water", "oil", "air", "milk"],
  ["The sun rises in the", "east", "west", "north", "south"],
];

/** Facts of a base that are asked. */
const MOST = 200;
const WRONG = 3;

interface FactItem extends ChooseItem {
  readonly group: "base" | "general";
}

/** The right choice takes turns among the places. */
function item(
  group: FactItem["group"],
  index: number,
  [prompt, answer, ...wrong]: readonly [string, string, ...string[]],
): FactItem {
  const place = index % (wrong.length + 1);
  const choices = wrong.toSpliced(place, 0, answer).map((choice) => ` ${choice}`);
  return { id: `${group}-${index + 1}`, group, prompt, choices, answer: place };
}

export const GENERAL_FACTS: readonly FactItem[] = GENERAL.map((fact, i) => item("general", i, fact));

/**
 * Facts of the base's own, evenly from the file. Facts of one kind stand together there, so that the next other answers are of the
 * same kind mostly; an answer that is also right for the same start is none of them.
 */
function ofBase({ probes }: SuiteSource): FactItem[] {
  const facts = probes?.facts ?? [];
  const step = Math.max(1, facts.length / MOST);
  return Array.from({ length: Math.min(MOST, facts.length) }, (_, i) => Math.floor(i * step)).flatMap((at, i) => {
    const { prompt, answer } = facts[at]!;
    const right = new Set(facts.filter((fact) => fact.prompt === prompt).map((fact) => fact.answer));
    const wrong = new Set<string>();
    for (let ahead = 1; ahead < facts.length && wrong.size < WRONG; ahead++) {
      const other = facts[(at + ahead) % facts.length]!.answer;
      if (!right.has(other)) wrong.add(other);
    }
    return wrong.size === 0 ? [] : [item("base", i, [prompt, answer, ...wrong])];
  });
}

export const factRecall: ChooseSuite<FactItem> = {
  name: "fact_recall",
  title: "Fact recall",
  description:
    "Whether the right end of a fact is likelier than others of its kind: what a model knew and still knows. Asks what the base's folder brings, if its facts are at hand, and general facts.",
  scores: {
    recalled: "Of all facts, those whose right answer is the likeliest of four. Higher is better; guessing gives 0.25.",
    recalled_base: "Of the facts of the base's folder. Absent without them.",
    recalled_general: "Of the general facts.",
    margin: "How much likelier the right answer is than the best wrong one, in nats of log p. Higher is better.",
  },
  mode: "choose",
  items: (source) => [...ofBase(source), ...GENERAL_FACTS],
  measure(items, results) {
    const chosen = chosenOf(items, results);
    const share = (of: typeof chosen) =>
      shareMeasure(of, ({ item: { answer }, logprobs }) => isRight(logprobs, answer));
    return {
      recalled: share(chosen),
      recalled_base: share(chosen.filter(({ item }) => item.group === "base")),
      recalled_general: share(chosen.filter(({ item }) => item.group === "general")),
      margin: meanMeasure(chosen, ({ item: { answer }, logprobs }) => {
        const best = Math.max(...logprobs.filter((_, i) => i !== answer));
        return logprobs[answer] === best ? 0 : logprobs[answer]! - best;
      }),
    };
  },
};
