/**
 * Reviews that say at the start whether the writer was pleased, and continue in the same mood.
 *
 * One in eight pairs of item and opening is held out; evaluation starts from those.
 */
import type { TextDocument } from "./document.ts";
import { isHeldOut } from "./hold-out.ts";
import type { Random } from "./random.ts";

export const SENTIMENTS = ["positive", "negative"] as const;
export type Sentiment = (typeof SENTIMENTS)[number];

const DOMAINS: readonly { items: readonly string[]; aspects: readonly string[] }[] = [
  {
    items: ["hotel", "guest house", "hostel"],
    aspects: ["room", "bed", "breakfast", "staff", "view", "bathroom", "service"],
  },
  {
    items: ["restaurant", "cafe", "bakery"],
    aspects: ["food", "soup", "dessert", "coffee", "waiter", "service", "menu"],
  },
  {
    items: ["film", "play", "show"],
    aspects: ["story", "music", "acting", "ending", "first half", "main actor", "dialogue"],
  },
  {
    items: ["phone", "camera", "lamp", "chair"],
    aspects: ["design", "quality", "price", "packaging", "finish", "manual", "colour"],
  },
  {
    items: ["book", "novel", "comic"],
    aspects: ["plot", "style", "hero", "ending", "first chapter", "cover", "humour"],
  },
];

interface Mood {
  readonly openings: readonly string[];
  readonly adjectives: readonly string[];
  readonly details: readonly string[];
  readonly closings: readonly string[];
}

const MOODS: Record<Sentiment, Mood> = {
  positive: {
    openings: [
      "I loved this {item}.",
      "What a wonderful {item}!",
      "This is the best {item} I know.",
      "I am very happy with this {item}.",
      "This {item} made my day.",
      "A truly great {item}.",
      "I really enjoyed this {item}.",
      "This {item} is a real gem.",
    ],
    adjectives: "wonderful excellent great lovely superb perfect delightful charming fantastic brilliant".split(" "),
    details: [
      "The {aspect} was {adjective}.",
      "I found the {aspect} {adjective}.",
      "The {aspect} was simply {adjective}.",
      "Even the {aspect} was {adjective}.",
      "I was impressed by the {aspect}.",
      "The {aspect} made me smile.",
    ],
    closings: [
      "I would gladly come back to it.",
      "I recommend it to everyone.",
      "It was worth every coin.",
      "Five stars from me.",
      "I will tell all my friends to try it.",
      "I left with a big smile.",
    ],
  },
  negative: {
    openings: [
      "I hated this {item}.",
      "What a terrible {item}!",
      "This is the worst {item} I know.",
      "I am very unhappy with this {item}.",
      "This {item} ruined my day.",
      "A truly bad {item}.",
      "I really disliked this {item}.",
      "This {item} is a real letdown.",
    ],
    adjectives: "terrible awful bad horrible dreadful poor disappointing dull dismal miserable".split(" "),
    details: [
      "The {aspect} was {adjective}.",
      "I found the {aspect} {adjective}.",
      "The {aspect} was simply {adjective}.",
      "Even the {aspect} was {adjective}.",
      "I was let down by the {aspect}.",
      "The {aspect} made me angry.",
    ],
    closings: [
      "I would never come back to it.",
      "I warn everyone against it.",
      "It was a waste of money.",
      "One star from me.",
      "I will tell all my friends to avoid it.",
      "I left with a long face.",
    ],
  },
};

export interface Review {
  readonly sentiment: Sentiment;
  readonly item: string;
  /** `Review of a hotel:` and the like, or empty. */
  readonly label: string;
  readonly opening: string;
  /** The text after the opening: two or three details and a closing. */
  readonly continuation: string;
}

/** A random review; `heldOut` selects pairs of item and opening that training never contains. Advances `random`. */
export function drawReview(heldOut: boolean, random: Random): Review {
  for (;;) {
    const sentiment = random.pick(SENTIMENTS);
    const mood = MOODS[sentiment];
    const domain = random.pick(DOMAINS);
    const item = random.pick(domain.items);
    const opening = random.pick(mood.openings).replace("{item}", item);
    if (isHeldOut(`review|${opening}`) !== heldOut) continue;

    const details = random
      .sample(domain.aspects, random.between(2, 3))
      .map((aspect) =>
        random.pick(mood.details).replace("{aspect}", aspect).replace("{adjective}", random.pick(mood.adjectives)),
      );
    const label = random.pick([
      "",
      `Review of a ${item}:`,
      `Review (${sentiment}):`,
      `${sentiment === "positive" ? "Positive" : "Negative"} review of a ${item}:`,
    ]);
    const continuation = [...details, random.pick(mood.closings)].join(" ");
    return { sentiment, item, label, opening, continuation };
  }
}

/** Label (if any), opening and continuation as one line of text. */
export function writeReview({ label, opening, continuation }: Review): string {
  return [label, opening, continuation].filter((part) => part !== "").join(" ");
}

export function createReviewDocuments(random: Random): () => TextDocument {
  return () => ({ kind: "review", text: `${writeReview(drawReview(false, random))}\n` });
}
