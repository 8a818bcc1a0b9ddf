import type { ReadRecord } from "../dataset-kinds/kind.ts";
import type { Dropped, EncodedLine } from "../encode-line.ts";
import type { CopiesFound } from "../inspect/copies.ts";
import type { LineTexts } from "../inspect/line-texts.ts";

/** Which line of a group of copies stays; `none` drops all of them. */
export const KEEPS = ["first", "last", "longest", "none"] as const;
export type Keep = (typeof KEEPS)[number];

/** A reason to drop lines of a dataset: a file and a row in the registry. It judges lines by themselves, or all together. */
export interface FixRule {
  /** What it drops, in words that follow "drops". */
  readonly about: string;
  /** What it cannot do without. */
  readonly needs?: "model" | "held-out files";
  /** Why a line is dropped; undefined if it is not. */
  line?(line: RuleLine): string | undefined;
  /** Lines that are dropped, once all have been seen. */
  copies?(found: CopiesFound, groups: CopyGroups): Iterable<DroppedLine>;
}

export interface RuleLine {
  readonly texts: LineTexts;
  readonly record: ReadRecord;
  /** How the model reads it; undefined where none is named. */
  encoded(): (EncodedLine | Dropped) | undefined;
}

export interface DroppedLine {
  /** Its `lineId`. */
  readonly line: number;
  readonly reason: string;
  /** The line that stays in its place, or that it is like. */
  readonly other?: number;
}

/** Groups of copies, of each of which one stays. */
export interface CopyGroups {
  /** What the held-out files are called. */
  readonly heldOut: readonly string[];
  /** The lines of a group that are dropped, each with the one that stays in their place; undefined where none does. */
  dropped(group: readonly number[]): { readonly line: number; readonly kept: number | undefined }[];
  /** The line and those that repeat it word for word. */
  withRepeats(line: number): readonly number[];
}
