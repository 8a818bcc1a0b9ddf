/** Cuts text at matches of a pattern, as the pre-tokenizers of the Rust library do. */

export const SPLIT_BEHAVIORS = ["Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"] as const;
export type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number];

/**
 * The position of a piece of text: at the `start` of the whole text; `inside` it, at a boundary such as a special token
 * or a cut; or in the `middle`, where it continues the text before it without a boundary.
 */
export type Place = "start" | "inside" | "middle";

export interface Piece {
  readonly text: string;
  readonly place: Place;
}

interface Range {
  start: number;
  end: number;
  readonly isMatch: boolean;
}

export interface SplitOptions {
  /** How to treat matches: a piece each, dropped, one piece with neighbouring matches, or joined to a neighbour. */
  readonly behavior: SplitBehavior;
  /** Treats the text between matches as the matches. */
  readonly invert?: boolean;
}

/** The non-empty parts of a piece. `pattern` must be global. */
export function splitPiece(piece: Piece, pattern: RegExp, { behavior, invert = false }: SplitOptions): Piece[] {
  const ranges = rangesOf(piece.text, pattern).map((range) => ({ ...range, isMatch: range.isMatch !== invert }));
  return arrange(ranges, behavior)
    .filter(({ start, end }) => end > start)
    .map(({ start, end }) => ({
      text: piece.text.slice(start, end),
      place: start === 0 ? piece.place : "inside",
    }));
}

/** Tiles the text with the matches and what lies between them. */
function rangesOf(text: string, pattern: RegExp): Range[] {
  const ranges: Range[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    const end = match.index + match[0].length;
    // Oniguruma does not report an empty match at the end of the one before it.
    if (match[0] === "" && match.index === at && at > 0) continue;
    if (match.index > at) ranges.push({ start: at, end: match.index, isMatch: false });
    ranges.push({ start: match.index, end, isMatch: true });
    at = end;
  }
  if (at < text.length) ranges.push({ start: at, end: text.length, isMatch: false });
  return ranges;
}

function arrange(ranges: readonly Range[], behavior: SplitBehavior): Range[] {
  switch (behavior) {
    case "Isolated":
      return [...ranges];
    case "Removed":
      return ranges.filter(({ isMatch }) => !isMatch);
    case "Contiguous":
      return joinWhere(ranges, (range, previous) => range.isMatch === previous);
    case "MergedWithPrevious":
      return joinWhere(ranges, (range, previous) => range.isMatch && !previous);
    case "MergedWithNext": {
      const backwards = joinWhere([...ranges].reverse(), (range, previous) => range.isMatch && !previous);
      return backwards.reverse();
    }
  }
}

/** Joins a range to its neighbour where `joins` says so; before the first range, "no match" counts as the previous one. */
function joinWhere(ranges: readonly Range[], joins: (range: Range, previous: boolean) => boolean): Range[] {
  const joined: Range[] = [];
  let previous = false;
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && joins(range, previous)) {
      last.start = Math.min(last.start, range.start);
      last.end = Math.max(last.end, range.end);
    } else {
      joined.push({ ...range });
    }
    previous = range.isMatch;
  }
  return joined;
}
