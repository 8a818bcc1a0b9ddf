/** Beams keep what they have computed in places of the batch, one a beam. */

export interface BeamCopy {
  readonly from: number;
  readonly to: number;
}

export interface BeamPlaces {
  /** The place of each child. */
  readonly places: readonly number[];
  /** What must be copied, in any order: no place is both read and written. */
  readonly copies: readonly BeamCopy[];
}

/**
 * Gives each beam's children places. The first child of a beam stays where its parent is; the others go where beams were that have
 * no child. `parents` are the places of the children's parents; `count` is how many places there are, at least one a child.
 */
export function placeBeams(parents: readonly number[], count: number): BeamPlaces {
  const kept = new Set(parents);
  const free = Array.from({ length: count }, (_, place) => place).filter((place) => !kept.has(place));
  const taken = new Set<number>();
  const copies: BeamCopy[] = [];
  const places = parents.map((from) => {
    if (!taken.has(from)) {
      taken.add(from);
      return from;
    }
    const to = free.shift()!;
    copies.push({ from, to });
    return to;
  });
  return { places, copies };
}
