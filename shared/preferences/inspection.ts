/**
 * What a file of preferences looks like beyond what is wrong with single lines: repetitions, contradictions, ties, how much of it
 * length alone explains, and how far its raters agree. Lines come one by one; what is remembered of them is bounded.
 */
import { type Agreement, agreementOf } from "../agreement/agreement.ts";
import { type GivenLabel, LabelTable } from "../agreement/label-table.ts";
import { type Proportion, proportion } from "../agreement/proportion.ts";
import { rankSum } from "../agreement/rank-sum.ts";
import { textKey } from "../formats/text-key.ts";
import type { InspectedRecord, PreferenceKind } from "./record.ts";

/** What can be said of a file without comparing its raters. */
export interface InspectedFacts {
  readonly kind: PreferenceKind;
  readonly lines: number;
  /** Lines among which repetitions, contradictions and raters were looked for: the first ones. */
  readonly compared: number;
  /** Lines that an earlier line of the same rater, or of nobody, already says. */
  readonly duplicates: number;
  /** Lines that say the opposite of an earlier one, or rate the same text differently, whoever said it. */
  readonly contradictions: number;
  /** Lines that say of two texts that they are equally good; of ratings, lines whose text is rated like another of its prompt. */
  readonly ties: number;
  readonly longer_is_better: { readonly characters: Proportion; readonly words: Proportion };
}

export interface Inspection extends InspectedFacts {
  /** Of completions with a label. */
  readonly labels: { readonly desirable: number; readonly undesirable: number } | null;
  readonly ratings: { readonly min: number; readonly max: number; readonly mean: number } | null;
  /** Where raters are named. */
  readonly agreement: Agreement | null;
  /** The first lines that repeat or contradict an earlier one. */
  readonly examples: readonly FoundLine[];
}

export interface FoundLine {
  readonly line: number;
  readonly problem: "duplicate" | "contradiction";
  readonly earlier_line: number;
}

/** Lines that are compared with each other, labels of raters, and completions of a prompt whose lengths are compared. */
const MOST_COMPARED = 200_000;
const MOST_PER_PROMPT = 64;
const MOST_EXAMPLES = 20;
/** With more raters than this, pairs of them say little and are many. */
const MOST_PAIRED = 20;

interface Lengths {
  readonly characters: number;
  readonly words: number;
}

const lengthsOf = (text: string): Lengths => ({ characters: text.length, words: countWords(text) });

/** Runs of what is no white space, as /\S+/g finds them, without making a list of them. */
function countWords(text: string): number {
  let words = 0;
  let inWord = false;
  for (let at = 0; at < text.length; at++) {
    const space = isSpace(text.charCodeAt(at));
    if (inWord || space) inWord = !space;
    else {
      inWord = true;
      words += 1;
    }
  }
  return words;
}

function isSpace(code: number): boolean {
  if (code < 0xa0) return code === 32 || (code >= 9 && code <= 13);
  return code === 0xa0 || /\s/u.test(String.fromCharCode(code));
}

type Measure = keyof Lengths;

export class PreferenceInspection {
  readonly #kind: PreferenceKind;
  /** The first line that said something, by what it said. */
  readonly #said = new Map<string, number>();
  readonly #labels: GivenLabel[] = [];
  readonly #hits = { characters: 0, words: 0 };
  #comparisons = 0;
  readonly #lengths: { readonly lengths: Lengths; readonly label: boolean }[] = [];
  readonly #ofPrompt = new Map<
    string,
    { readonly text: string; readonly lengths: Lengths; readonly rating: number }[]
  >();
  readonly #examples: FoundLine[] = [];
  readonly #desirable = { true: 0, false: 0 };
  readonly #ratings = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, sum: 0 };
  #lines = 0;
  #compared = 0;
  #duplicates = 0;
  #contradictions = 0;
  #ties = 0;

  constructor(kind: PreferenceKind) {
    this.#kind = kind;
  }

  /** `line`: its number in the file. */
  add(record: InspectedRecord, line: number): void {
    this.#lines += 1;
    const compares = this.#compared < MOST_COMPARED;
    if (compares) this.#compared += 1;
    if (record.kind === "order") this.#addOrder(record, line, compares);
    else if (record.kind === "label") this.#addLabel(record, line, compares);
    else this.#addRating(record, line, compares);
  }

  #addOrder(record: Extract<InspectedRecord, { kind: "order" }>, line: number, compares: boolean): void {
    const { prompt, texts, rater, isTie } = record;
    if (isTie) this.#ties += 1;
    else this.#compareLengths(texts.map(lengthsOf));
    if (!compares) return;
    // Each text is hashed once; what is said of it is a key of keys.
    const keys = [prompt, ...texts].map((text) => textKey(text));
    const [asked, ...said] = keys;
    const pairs: { readonly unit: string; readonly better: "first" | "second" | "tie" }[] = [];
    for (const [at, better] of said.entries()) {
      for (const worse of said.slice(at + 1)) {
        const ordered = better < worse;
        const unit = textKey("pair", asked!, ordered ? better : worse, ordered ? worse : better);
        pairs.push({ unit, better: isTie ? "tie" : ordered ? "first" : "second" });
      }
    }
    const opposite = { first: "second", second: "first", tie: "tie" } as const;
    this.#note(line, {
      own: textKey("order", rater ?? "", String(isTie), ...keys),
      says: pairs.map(({ unit, better }) => `${unit} ${better}`),
      against: pairs.flatMap(({ unit, better }) => (better === "tie" ? [] : [`${unit} ${opposite[better]}`])),
    });
    if (rater !== null) for (const { unit, better } of pairs) this.#label({ unit, rater, label: better });
  }

  #addLabel(record: Extract<InspectedRecord, { kind: "label" }>, line: number, compares: boolean): void {
    const { prompt, text, label, rater } = record;
    this.#desirable[`${label}`] += 1;
    if (!compares) return;
    this.#lengths.push({ lengths: lengthsOf(text), label });
    const unit = textKey("text", prompt, text);
    const own = `${unit} ${label} ${rater ?? ""}`;
    this.#note(line, { own, says: [`${unit} ${label}`], against: [`${unit} ${!label}`] });
    if (rater !== null) this.#label({ unit, rater, label: String(label) });
  }

  #addRating(record: Extract<InspectedRecord, { kind: "rating" }>, line: number, compares: boolean): void {
    const { prompt, text, rating, raters, rater } = record;
    const all = this.#ratings;
    all.min = Math.min(all.min, rating);
    all.max = Math.max(all.max, rating);
    all.sum += rating;
    if (!compares) return;
    const ofPrompt = this.#ofPrompt.get(textKey(prompt)) ?? [];
    this.#ofPrompt.set(textKey(prompt), ofPrompt);
    const unit = textKey("text", prompt, text);
    if (ofPrompt.some((other) => other.rating === rating && other.text !== unit)) this.#ties += 1;
    if (ofPrompt.length < MOST_PER_PROMPT) ofPrompt.push({ text: unit, lengths: lengthsOf(text), rating });
    const who = rater ?? Object.keys(raters).sort().join("\n");
    const earlier = this.#said.get(unit);
    this.#note(line, { own: `${unit} ${rating} ${who}`, says: [`${unit} ${rating}`], against: [] });
    if (earlier === undefined) this.#said.set(unit, line);
    else if (!this.#said.has(`${unit} first ${rating}`)) this.#found(line, "contradiction", earlier);
    if (earlier === undefined) this.#said.set(`${unit} first ${rating}`, line);
    for (const [name, value] of Object.entries(raters)) this.#label({ unit, rater: name, label: value });
    if (rater !== null && Object.keys(raters).length === 0) this.#label({ unit, rater, label: rating });
  }

  /** How often the longer of two is the better, as the mean of one line's or one prompt's comparisons. */
  #compareLengths(inOrder: readonly Lengths[]): void {
    this.#comparisons += 1;
    for (const measure of ["characters", "words"] as const) {
      let [hits, pairs] = [0, 0];
      for (const [at, better] of inOrder.entries()) {
        for (const worse of inOrder.slice(at + 1)) {
          hits += (1 + Math.sign(better[measure] - worse[measure])) / 2;
          pairs += 1;
        }
      }
      this.#hits[measure] += hits / pairs;
    }
  }

  #note(
    line: number,
    { own, says, against }: { own: string; says: readonly string[]; against: readonly string[] },
  ): void {
    const before = this.#said.get(`own ${own}`);
    if (before !== undefined) this.#found(line, "duplicate", before);
    else this.#said.set(`own ${own}`, line);
    const opposed = against.map((key) => this.#said.get(key)).find((earlier) => earlier !== undefined);
    if (opposed !== undefined) this.#found(line, "contradiction", opposed);
    for (const key of says) if (!this.#said.has(key)) this.#said.set(key, line);
  }

  #found(line: number, problem: FoundLine["problem"], earlier: number): void {
    if (problem === "duplicate") this.#duplicates += 1;
    else this.#contradictions += 1;
    if (this.#examples.length < MOST_EXAMPLES) this.#examples.push({ line, problem, earlier_line: earlier });
  }

  #label(label: GivenLabel): void {
    if (this.#labels.length < MOST_COMPARED) this.#labels.push(label);
  }

  /** What costs little beyond the lines themselves. */
  get facts(): InspectedFacts {
    return {
      kind: this.#kind,
      lines: this.#lines,
      compared: this.#compared,
      duplicates: this.#duplicates,
      contradictions: this.#contradictions,
      ties: this.#ties,
      longer_is_better: { characters: this.#lengthBias("characters"), words: this.#lengthBias("words") },
    };
  }

  /** Everything, with how far raters agree. */
  get result(): Inspection {
    const { min, max, sum } = this.#ratings;
    const isRatings = this.#kind === "ratings" && this.#lines > 0;
    return {
      ...this.facts,
      labels:
        this.#kind === "unpaired_preferences"
          ? { desirable: this.#desirable.true, undesirable: this.#desirable.false }
          : null,
      ratings: isRatings ? { min, max, mean: sum / this.#lines } : null,
      agreement: this.#agreement(),
      examples: this.#examples,
    };
  }

  #lengthBias(measure: Measure): Proportion {
    if (this.#kind === "unpaired_preferences") {
      const of = (label: boolean) =>
        this.#lengths.filter((one) => one.label === label).map(({ lengths }) => lengths[measure]);
      return rankSum(of(true), of(false));
    }
    if (this.#kind !== "ratings") return proportion(this.#hits[measure], this.#comparisons);
    const shares = [...this.#ofPrompt.values()].flatMap((texts) => {
      let [hits, pairs] = [0, 0];
      for (const [at, one] of texts.entries()) {
        for (const other of texts.slice(at + 1)) {
          if (one.rating === other.rating || one.text === other.text) continue;
          const longer = Math.sign(one.lengths[measure] - other.lengths[measure]);
          hits += (1 + longer * Math.sign(one.rating - other.rating)) / 2;
          pairs += 1;
        }
      }
      return pairs === 0 ? [] : [hits / pairs];
    });
    return proportion(
      shares.reduce((total, share) => total + share, 0),
      shares.length,
    );
  }

  #agreement(): Agreement | null {
    if (this.#labels.length === 0) return null;
    const table = new LabelTable(this.#labels);
    const pairs = table.raters.length > MOST_PAIRED ? 0 : undefined;
    return agreementOf(table, this.#kind === "ratings", pairs);
  }
}
