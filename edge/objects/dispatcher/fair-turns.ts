/** Whose job a trainer gets next, and who gives a trainer up for others. Pure. */

/** A tenant's jobs in one lane. */
export interface Line {
  readonly tenant: string;
  /** The place in the queue of its oldest job that waits and can be run. */
  readonly first: number;
  /** Its jobs that trainers hold. */
  readonly running: number;
  /** The most of them at a time. */
  readonly most: number;
  /** Its newest lease: a larger number is a later one; 0 if it had none. */
  readonly lastTurn: number;
}

/**
 * The line whose oldest job is leased next: the one with the fewest jobs running, of those the one whose turn was longest ago, of
 * those the one that has waited longest. undefined where every tenant has as many running as it may.
 */
export function nextLine<T extends Line>(lines: readonly T[]): T | undefined {
  return lines
    .filter(({ running, most }) => running < most)
    .reduce<T | undefined>((first, next) => (first === undefined || isBefore(next, first) ? next : first), undefined);
}

function isBefore(a: Line, b: Line): boolean {
  if (a.running !== b.running) return a.running < b.running;
  return a.lastTurn === b.lastTurn ? a.first < b.first : a.lastTurn < b.lastTurn;
}

export interface Holder {
  readonly tenant: string;
  /** The jobs of its tenant that trainers hold in the lane, its own included. */
  readonly running: number;
  /** Milliseconds since it was leased. */
  readonly heldMs: number;
  /** How long it may keep its trainer where others wait, in milliseconds. */
  readonly sliceMs: number;
}

/**
 * Whether a job gives its trainer up at its next checkpoint: where another tenant with fewer jobs running waits, and it has had its
 * time. `yielding` other jobs of the lane do so already, and each lets one tenant in.
 */
export function yieldsTurn(holder: Holder, lines: readonly Line[], yielding: number): boolean {
  if (holder.heldMs < holder.sliceMs) return false;
  const entitled = lines.filter(
    ({ tenant, running, most }) => tenant !== holder.tenant && running < holder.running && running < most,
  );
  return entitled.length > yielding;
}
