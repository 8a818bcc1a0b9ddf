/** Small tasks without examples, in both forms: what a tuned model gained or lost. */
import { type Chosen, chosenOf, isRight, isRightPerByte, shareMeasure } from "./choices.ts";
import { type Graded, gradedOf, gradedShare } from "./grades.ts";
import type { ChooseItem, ChooseSuite, GenerateSuite, SuiteItem } from "./suite.ts";

type Row = readonly [prompt: string, ...choices: string[]];

/** The first choice is the right one. */
const TASKS: Readonly<Record<string, readonly Row[]>> = {
  classification: [
    ["Review: I loved every minute of it.\nSentiment:", " positive", " negative"],
    ["Review: The room was dirty and the food was cold.\nSentiment:", " negative", " positive"],
    ["Review: A wonderful film with a great cast.\nSentiment:", " positive", " negative"],
    ["Review: It broke after a day. What a waste of money.\nSentiment:", " negative", " positive"],
    ["Message: You have won a prize! Click here now!\nKind:", " spam", " normal"],
    ["Message: The meeting moves to three o'clock.\nKind:", " normal", " spam"],
    ["Sentence: Where is the key?\nThis is a", " question", " command"],
    ["Sentence: Close the window.\nThis is a", " command", " question"],
    ["An apple is a kind of", " fruit", " tool", " animal"],
    ["A hammer is a kind of", " tool", " fruit", " animal"],
    ["A horse is a kind of", " animal", " tool", " fruit"],
    ["A violin is a kind of", " instrument", " animal", " fruit"],
  ],
  questions: [
    ["Tom has a red hat. Ann has a blue hat.\nQuestion: Whose hat is blue?\nAnswer:", " Ann", " Tom"],
    [
      "The cat sleeps on the bed. The dog sleeps on the mat.\nQuestion: Where does the dog sleep?\nAnswer:",
      " on the mat",
      " on the bed",
    ],
    [
      "Mia went to the shop and then to the park.\nQuestion: Where did Mia go first?\nAnswer:",
      " the shop",
      " the park",
    ],
    ["The train leaves at nine and arrives at noon.\nQuestion: When does it leave?\nAnswer:", " at nine", " at noon"],
    ["Paul is older than Kim.\nQuestion: Who is younger?\nAnswer:", " Kim", " Paul"],
    ["The lamp is in the box. The box is in the car.\nQuestion: What is in the box?\nAnswer:", " the lamp", " the car"],
    [
      "It rained all day, so they stayed at home.\nQuestion: Why did they stay at home?\nAnswer:",
      " because it rained",
      " because it was sunny",
    ],
    ["Question: What do bees make?\nAnswer:", " honey", " milk"],
    ["Question: Which is colder, ice or steam?\nAnswer:", " ice", " steam"],
    ["Question: How many legs has a spider?\nAnswer:", " eight", " six"],
  ],
  arithmetic: [
    ["2 + 3 =", " 5", " 6", " 4"],
    ["7 + 4 =", " 11", " 12", " 10"],
    ["9 - 5 =", " 4", " 5", " 3"],
    ["12 - 7 =", " 5", " 6", " 4"],
    ["3 * 4 =", " 12", " 14", " 9"],
    ["6 * 2 =", " 12", " 10", " 8"],
    ["8 + 8 =", " 16", " 15", " 18"],
    ["15 - 9 =", " 6", " 7", " 5"],
    ["5 * 5 =", " 25", " 20", " 30"],
    ["10 + 13 =", " 23", " 22", " 33"],
  ],
  copying: [
    ["Copy: river lamp\nriver", " lamp", " stone"],
    ["Copy: bread salt milk\nbread salt", " milk", " bread"],
    ["Copy: green door seven\ngreen door", " seven", " eight"],
    ["Copy: north east south\nnorth east", " south", " west"],
    ["Copy: 4 8 2 9\n4 8 2", " 9", " 4"],
    ["Copy: cup, hat, key\ncup, hat,", " key", " cup"],
    ["Copy: ink apple drum\nink apple", " drum", " ink"],
    ["Copy: moon boat road tree\nmoon boat road", " tree", " boat"],
  ],
  ordering: [
    ["Monday, Tuesday, Wednesday,", " Thursday", " Sunday"],
    ["January, February, March,", " April", " June"],
    ["one, two, three,", " four", " six"],
    ["5, 6, 7,", " 8", " 4"],
    ["2, 4, 6,", " 8", " 7"],
    ["a, b, c,", " d", " g"],
    ["spring, summer, autumn,", " winter", " spring"],
    ["morning, noon, evening,", " night", " morning"],
  ],
};

interface TaskItem extends ChooseItem {
  readonly group: string;
}

const CHOOSE_ITEMS: readonly TaskItem[] = Object.entries(TASKS).flatMap(([group, rows]) =>
  rows.map(([prompt, right, ...wrong], i) => {
    // The right choice takes turns among the places: a model that prefers one place gains nothing.
    const answer = i % (wrong.length + 1);
    const choices = wrong.toSpliced(answer, 0, right!);
    return { id: `${group}-${i + 1}`, group, prompt, choices, answer };
  }),
);

const groupScores = (what: string) =>
  Object.fromEntries(Object.keys(TASKS).map((group) => [group, `${what} of ${group}. Higher is better.`]));

function byGroup<T extends { readonly item: SuiteItem }, M>(all: readonly T[], measure: (of: readonly T[]) => M) {
  return Object.fromEntries(
    Object.keys(TASKS).map((group) => [group, measure(all.filter(({ item }) => item.group === group))]),
  );
}

const right = (chosen: readonly Chosen<TaskItem>[]) =>
  shareMeasure(chosen, ({ item, logprobs }) => isRight(logprobs, item.answer));

export const zeroShotChoices: ChooseSuite<TaskItem> = {
  name: "zero_shot_choices",
  title: "Zero-shot tasks, by choice",
  description:
    "Classification, questions, arithmetic, copying and ordering: the likeliest of two or three choices counts.",
  scores: {
    accuracy: "Of all items, those whose right choice is the likeliest. Higher is better; guessing gives about 0.45.",
    accuracy_per_byte: "The same with likelihoods by byte, which favour no short choice. Higher is better.",
    ...groupScores("Accuracy"),
  },
  mode: "choose",
  items: () => CHOOSE_ITEMS,
  measure(items, results) {
    const chosen = chosenOf(items, results);
    return {
      accuracy: right(chosen),
      accuracy_per_byte: shareMeasure(chosen, isRightPerByte),
      ...byGroup(chosen, right),
    };
  },
};

interface WrittenItem extends SuiteItem {
  readonly prompt: string;
  readonly answer: string;
}

const WRITTEN: Readonly<Record<string, readonly (readonly [prompt: string, answer: string])[]>> = {
  classification: [
    ["Is this review positive or negative? I loved every minute of it.", "positive"],
    ["Is this review positive or negative? The food was cold and the room was dirty.", "negative"],
    ["Is an apple a fruit or an animal?", "fruit"],
    ["Is a horse a tool or an animal?", "animal"],
  ],
  questions: [
    ["Tom has a red hat. Ann has a blue hat. Whose hat is blue?", "Ann"],
    ["The dog sleeps on the mat. Where does the dog sleep?", "mat"],
    ["What do bees make?", "honey"],
    ["Which is colder, ice or steam?", "ice"],
  ],
  arithmetic: [
    ["2 + 3 =", "5"],
    ["9 - 5 =", "4"],
    ["3 * 4 =", "12"],
    ["8 + 8 =", "16"],
    ["What is 10 + 13?", "23"],
  ],
  copying: [
    ["Copy: river lamp", "river lamp"],
    ["Copy: apple dog cup", "apple dog cup"],
    ["Repeat these words: moon boat road tree", "moon boat road tree"],
    ["Copy: hat ball train moon", "hat ball train moon"],
  ],
  ordering: [
    ["Sort these numbers: 7, 4, 9", "4, 7, 9"],
    ["Put in order: 6, 3, 9, 20", "3, 6, 9, 20"],
    ["Put in alphabetical order: fish, yarn, pen", "fish, pen, yarn"],
    ["Which day comes after Monday?", "Tuesday"],
  ],
};

const WRITTEN_ITEMS: readonly WrittenItem[] = Object.entries(WRITTEN).flatMap(([group, rows]) =>
  rows.map(([prompt, answer], i) => ({ id: `${group}-${i + 1}`, group, prompt, answer })),
);

export const zeroShotWritten: GenerateSuite<WrittenItem> = {
  name: "zero_shot_written",
  title: "Zero-shot tasks, written",
  description: "The same kinds of tasks in chat: a reply that has the answer counts, and one that is the answer alone.",
  scores: {
    contains: "Of all replies, those that contain the answer. Higher is better.",
    exact: "Of all replies, those that are the answer and nothing else. Higher is better.",
    ...groupScores("Replies that contain the answer,"),
  },
  mode: "generate",
  items: () => WRITTEN_ITEMS,
  input_messages: [{ role: "user", content: "{{item.prompt}}" }],
  max_tokens: 32,
  criteria: [
    {
      ...{ type: "string_check", name: "contains", operation: "ilike" },
      ...{ input: "{{sample.output_text}}", reference: "{{item.answer}}" },
    },
    {
      ...{ type: "string_check", name: "exact", operation: "eq" },
      ...{ input: "{{sample.output_text}}", reference: "{{item.answer}}" },
    },
  ],
  measure(items, results) {
    const graded = gradedOf(items, results);
    const share = (name: string) => (of: readonly Graded<WrittenItem>[]) => gradedShare(of, ({ grade }) => grade(name));
    return {
      contains: share("contains")(graded),
      exact: share("exact")(graded),
      ...byGroup(graded, share("contains")),
    };
  },
};
