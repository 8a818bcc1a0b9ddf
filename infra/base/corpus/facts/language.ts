/** Words: opposites, past tenses, plurals, and the order of days and months. */
import { parsePairs, type Relation } from "../relation.ts";

function successors(names: string): [string, string][] {
  const list = names.split(" ");
  return list.map((name, i) => [name, list[(i + 1) % list.length] ?? ""]);
}

export const LANGUAGE: readonly Relation[] = [
  {
    name: "opposite",
    completions: [
      "The opposite of {s} is {o}.",
      "If the answer is not {s}, it may be {o}.",
      "The word that means the reverse of {s} is {o}.",
      "Turn {s} around and you get {o}.",
      "A word with the contrary meaning of {s} is {o}.",
    ],
    statements: ["{O} is the opposite of {s}.", "{S} and {o} are opposites."],
    questions: ["What is the opposite of {s}?", "Which word is the opposite of {s}?", "What is the contrary of {s}?"],
    answer: "{O}",
    pairs: parsePairs(`
hot|cold; big|small; tall|short; fast|slow; early|late; happy|sad; light|dark; full|empty; rich|poor; strong|weak
wet|dry; clean|dirty; loud|quiet; young|old; thick|thin; wide|narrow; deep|shallow; smooth|rough; brave|cowardly
cheap|expensive; true|false; north|south; east|west; left|right; up|down; inside|outside; always|never; first|last
day|night; war|peace; love|hate; push|pull; buy|sell; win|lose; open|closed; alive|dead; sharp|blunt; tight|loose
sweet|sour; public|private; ancient|modern; black|white`),
  },
  {
    name: "past-tense",
    completions: [
      "The past tense of {s} is {o}.",
      "Yesterday's form of the verb {s} is {o}.",
      "Put the verb {s} in the past and you get {o}.",
      "In the past, the verb {s} becomes {o}.",
      "The simple past of {s} is {o}.",
    ],
    statements: ["{O} is the past tense of {s}.", "Today we say {s}, yesterday we said {o}."],
    questions: [
      "What is the past tense of {s}?",
      "How do you put {s} in the past?",
      "What is the past of the verb {s}?",
    ],
    answer: "{O}",
    pairs: parsePairs(`
go|went; see|saw; eat|ate; take|took; give|gave; come|came; run|ran; write|wrote; drink|drank; sing|sang; swim|swam
begin|began; break|broke; speak|spoke; choose|chose; drive|drove; ride|rode; rise|rose; fly|flew; grow|grew; know|knew
throw|threw; draw|drew; buy|bought; bring|brought; think|thought; teach|taught; catch|caught; find|found; stand|stood
hold|held; tell|told; keep|kept; sleep|slept; feel|felt; leave|left; lose|lost; make|made; pay|paid; forget|forgot`),
  },
  {
    name: "plural",
    completions: [
      "The plural of {s} is {o}.",
      "One {s}, but two {o}.",
      "The word for more than one {s} is {o}.",
      "When there are many of the thing called {s}, we say {o}.",
    ],
    statements: ["{O} is the plural of {s}.", "We say one {s} and many {o} here."],
    questions: [
      "What is the plural of {s}?",
      "What do we call more than one {s}?",
      "How do you say {s} in the plural?",
    ],
    answer: "{O}",
    pairs: parsePairs(`
mouse|mice; goose|geese; tooth|teeth; foot|feet; man|men; woman|women; child|children; ox|oxen; person|people
leaf|leaves; knife|knives; wolf|wolves; life|lives; half|halves; loaf|loaves; cactus|cacti`),
  },
  {
    name: "next-day",
    completions: [
      "The day after {s} is {o}.",
      "If today is {s}, tomorrow is {o}.",
      "In the week, {s} is followed by {o}.",
      "When {s} ends, the next day is {o}.",
    ],
    statements: ["{O} comes after {s}.", "{O} follows {s} in the week."],
    questions: ["Which day comes after {s}?", "What day follows {s}?"],
    answer: "{O}",
    pairs: successors("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
  },
  {
    name: "next-month",
    completions: [
      "The month after {s} is {o}.",
      "If this month is {s}, next month is {o}.",
      "In the year, {s} is followed by {o}.",
      "When {s} ends, the next month is {o}.",
    ],
    statements: ["{O} comes after {s}.", "{O} follows {s} in the year."],
    questions: ["Which month comes after {s}?", "What month follows {s}?"],
    answer: "{O}",
    pairs: successors("January February March April May June July August September October November December"),
  },
];
