export interface MassSelection {
  readonly wanted: number;
  readonly mass: (token: number) => number;
  /** A total order: of two different tokens, exactly one is before the other. */
  readonly isBefore: (a: number, b: number) => boolean;
}

/**
 * The place of the first token, in order, up to which the mass reaches what is wanted; the last place if none does. Brings that
 * token to its place and those before it in front of it: selection by weight, linear in V on average where sorting is not.
 */
export function placeOfMass(order: Uint32Array, { wanted, mass, isBefore }: MassSelection): number {
  let [first, end, before] = [0, order.length, 0];
  while (end - first > 1) {
    const middle = (first + end) >> 1;
    const pivot = order[middle]!;
    order[middle] = order[end - 1]!;
    let [place, smaller] = [first, before];
    for (let i = first; i < end - 1; i++) {
      const token = order[i]!;
      if (!isBefore(token, pivot)) continue;
      order[i] = order[place]!;
      order[place++] = token;
      smaller += mass(token);
    }
    order[end - 1] = order[place]!;
    order[place] = pivot;
    if (smaller >= wanted) end = place;
    else if (smaller + mass(pivot) >= wanted) return place;
    else [first, before] = [place + 1, smaller + mass(pivot)];
  }
  return Math.min(first, order.length - 1);
}
