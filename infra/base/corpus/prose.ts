/** Short prose: three to six sentences about one person's day, with consistent names and places. */
import type { TextDocument } from "./document.ts";
import type { Random } from "./random.ts";
import { CITIES, NAMES } from "./words.ts";

const TIMES = [
  "One morning",
  "On Monday",
  "Last summer",
  "In the evening",
  "One cold day",
  "On a sunny day",
  "After lunch",
];
const PLACES = ["market", "park", "library", "station", "garden", "museum", "harbour", "bridge", "school", "forest"];
const COMPANIONS = [
  "a friend",
  "an old teacher",
  "a neighbour",
  "a small dog",
  "a black cat",
  "a tall man",
  "a young woman",
];
const FINDS = ["a silver key", "an old letter", "a red ball", "a small box", "a map", "a lost coat", "a blue book"];
const WEATHER = [
  "The sun was shining.",
  "It was raining softly.",
  "The wind was cold.",
  "Snow lay on the road.",
  "The sky was clear and blue.",
];
const MIDDLES = [
  "{name} sat down under a tree and looked at the people.",
  "{name} bought some bread and shared it with {companion}.",
  "There {name} met {companion}, and they talked for an hour.",
  "On the way, {name} found {find} in the grass.",
  "{name} had never seen {find} like this before.",
  "They walked along the river until the bells rang.",
  "A boat passed by, and everyone on it waved.",
  "{name} thought about a long journey to {city}.",
  "Somebody was playing a song that {name} knew well.",
];
const ENDINGS = [
  "In the end {name} went home and slept well.",
  "When it grew dark, {name} walked home happily.",
  "{name} never forgot that day.",
  "At home, {name} told the whole story and everyone laughed.",
  "That night {name} dreamed of {city}.",
  "So the day ended, and {name} was glad.",
];

export function createProseDocuments(random: Random): () => TextDocument {
  return () => {
    const name = random.pick(NAMES);
    const city = random.pick(CITIES);
    const companion = random.pick(COMPANIONS);
    const find = random.pick(FINDS);
    const first = `${random.pick(TIMES)}, ${name} went to the ${random.pick(PLACES)} in ${random.pick(CITIES)}.`;
    const sentences = [
      first,
      ...(random.chance(0.5) ? [random.pick(WEATHER)] : []),
      ...random.sample(MIDDLES, random.between(1, 3)),
      random.pick(ENDINGS),
    ];
    const text = sentences
      .join(" ")
      .replaceAll("{name}", name)
      .replaceAll("{city}", city)
      .replaceAll("{companion}", companion)
      .replaceAll("{find}", find);
    return { kind: "prose", text: `${text}\n` };
  };
}
