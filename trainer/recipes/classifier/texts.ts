/** The texts that a classifier learns from, and those that it is calibrated on. */
import type { MeasuredLines } from "../../../shared/api/measured-lines.ts";
import { Columns, isRecord, recordError } from "../../../shared/data/columns.ts";
import { type LabelledText, readLabelledText } from "../../../shared/data/dataset-kinds/labelled-text.ts";
import { isMetadata } from "../../../shared/data/training-lines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { parseJsonl } from "../../../shared/formats/jsonl.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { createRandom } from "../../../shared/random.ts";
import type { Dataset } from "../recipe.ts";

export interface LabelledLine extends LabelledText {
  /** Counted from 1. */
  readonly line: number;
}

export interface ClassifierTexts {
  /** K names, numbers in their order, others by the alphabet. */
  readonly labels: readonly string[];
  /** The share of each class among the training texts. */
  readonly prior: readonly number[];
  readonly training: readonly LabelledLine[];
  /** The validation file's texts, or some that were held out of the training file. */
  readonly validation: readonly LabelledLine[];
  /** Where `validation` comes from: the validation file, texts held out, or the training texts themselves. */
  readonly calibratedOn: MeasuredLines;
  /** Texts that occur with more than one label. */
  readonly contradictory: number;
}

/** One text in so many is held out where there is no validation file. */
const HELD_OUT = 10;

/**
 * Reads the files and holds texts out if there is no validation file. Copies of a text stay on one side, and each class gives its
 * share. Throws `invalid_file` for a bad line, `invalid_dataset` for fewer than two classes, more than 32, or a validation
 * file with others.
 */
export function readTexts(training: Dataset, validation: Dataset | null, seed: number): ClassifierTexts {
  const lines = linesOf(training);
  const labels = [...new Set(lines.map(({ label }) => label))].sort(byNumberOrName);
  requireClasses(labels, training.name);
  const own = { labels, contradictory: contradictions(lines) };
  if (validation !== null) {
    const checked = linesOf(validation);
    const foreign = checked.find(({ label }) => !labels.includes(label));
    if (foreign !== undefined) {
      throw invalid(
        "validation_file",
        `line ${foreign.line} of ${validation.name} has the label ${JSON.stringify(foreign.label)}, which no text of the training file has; the labels are ${labels.join(", ")}`,
      );
    }
    return {
      ...own,
      prior: sharesOf(lines, labels),
      training: lines,
      validation: checked,
      calibratedOn: "validation_file",
    };
  }
  const held = heldOut(lines, labels, seed);
  if (held.size === 0) {
    return {
      ...own,
      prior: sharesOf(lines, labels),
      training: lines,
      validation: lines,
      calibratedOn: "training_file",
    };
  }
  const kept = lines.filter(({ text }) => !held.has(text));
  const rest = lines.filter(({ text }) => held.has(text));
  return { ...own, prior: sharesOf(kept, labels), training: kept, validation: rest, calibratedOn: "held_out" };
}

function linesOf({ bytes, name }: Dataset): LabelledLine[] {
  const lines: LabelledLine[] = [];
  let records = 0;
  for (const { number: line, value } of parseJsonl(bytes, { name })) {
    records += 1;
    if (isMetadata(value, records)) continue;
    const place = { number: line, unit: "line", file: name } as const;
    if (!isRecord(value)) throw recordError(place, " is not a JSON object");
    lines.push({ line, ...readLabelledText(new Columns(value, place)) });
  }
  return lines;
}

function requireClasses(labels: readonly string[], name: string): void {
  if (labels.length < 2) {
    const found = labels.length === 0 ? "no text" : `texts of one class alone, ${JSON.stringify(labels[0])}`;
    throw invalid("training_file", `${name} has ${found}; a classifier needs texts of at least 2 classes`);
  }
  if (labels.length > LIMITS.labels) {
    const some = labels.slice(0, 4).join(", ");
    throw invalid(
      "training_file",
      `${name} has ${labels.length} labels (${some}, …), and at most ${LIMITS.labels} are told apart`,
    );
  }
}

/** The texts to hold out: of each class, by a draw, but never all of its texts. */
function heldOut(lines: readonly LabelledLine[], labels: readonly string[], seed: number): ReadonlySet<string> {
  const held = new Set<string>();
  for (const label of labels) {
    const texts = [...new Set(lines.filter((line) => line.label === label).map(({ text }) => text))];
    const order = createRandom(seed, "held out", label).permutation(texts.length);
    for (let at = 0; at < Math.floor(texts.length / HELD_OUT); at++) held.add(texts[order[at]!]!);
  }
  // A text that stands under several labels may have taken the last of another's.
  const lost = labels.some((label) => lines.every((line) => line.label !== label || held.has(line.text)));
  const partial = labels.some((label) => lines.every((line) => line.label !== label || !held.has(line.text)));
  return lost || partial ? new Set() : held;
}

function contradictions(lines: readonly LabelledLine[]): number {
  const labels = new Map<string, Set<string>>();
  for (const { text, label } of lines) labels.set(text, (labels.get(text) ?? new Set()).add(label));
  return [...labels.values()].filter(({ size }) => size > 1).length;
}

function sharesOf(lines: readonly LabelledLine[], labels: readonly string[]): number[] {
  return labels.map((label) => lines.filter((line) => line.label === label).length / lines.length);
}

function byNumberOrName(left: string, right: string): number {
  const [a, b] = [Number(left), Number(right)];
  if (Number.isFinite(a) && Number.isFinite(b) && a !== b) return a - b;
  return left < right ? -1 : left > right ? 1 : 0;
}

function invalid(param: "training_file" | "validation_file", message: string): TrimtabError {
  return new TrimtabError("invalid_dataset", `${message}.`, { param });
}
