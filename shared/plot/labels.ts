/** Places a label near each dot of a plot without covering other labels or dots, and with few crossing lines. Pixels, y down. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface Dot extends Point {
  /** Size of the label. */
  readonly width: number;
  readonly height: number;
}

export interface PlacedLabel {
  /** The label's box; `x` and `y` are its upper left corner. */
  readonly box: Box;
  /** A line from the dot to the label, if they are apart. */
  readonly leader?: readonly [Point, Point];
}

/** Space kept free around a dot's centre. */
const DOT_RADIUS = 6;
/** Distance from the dot's centre to an adjacent label, which needs no line. */
const BESIDE = 8;
/** Spacing of the further positions to try. */
const GRID = 5;
/** The penalty for a line that crosses a label or a dot, in pixels of line length. */
const CROSSED_LABEL = 400;
const CROSSED_DOT = 60;

/** The labels in the order of the dots, each inside `bounds`. Throws if there is no room left. */
export function placeLabels(dots: readonly Dot[], bounds: Box): PlacedLabel[] {
  const placed = new Map<number, PlacedLabel>();
  // Most crowded dots first, because they have the fewest options.
  const crowd = (dot: Dot) => dots.filter((other) => Math.hypot(other.x - dot.x, other.y - dot.y) < 60).length;
  const order = [...dots.keys()].sort((a, b) => crowd(dots[b]!) - crowd(dots[a]!) || a - b);
  for (const index of order) {
    const others = [...placed.values()];
    const isFree = ({ box }: Candidate) =>
      contains(bounds, box) &&
      dots.every((dot) => !overlap(box, around(dot))) &&
      others.every((other) => !overlap(box, other.box) && !(other.leader && crosses(other.leader, box)));
    // Dots that cover this one are crossed by every line from it.
    const { x, y } = dots[index]!;
    const passable = dots.filter((dot) => Math.abs(dot.x - x) >= DOT_RADIUS || Math.abs(dot.y - y) >= DOT_RADIUS);
    const cost = ({ leader, distance }: Candidate) => {
      if (leader === undefined) return distance;
      const labels = others.filter(({ box }) => crosses(leader, box)).length;
      const passed = passable.filter((dot) => crosses(leader, around(dot))).length;
      return distance + CROSSED_LABEL * labels + CROSSED_DOT * passed;
    };
    let [best, least]: [Candidate | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
    // From near to far: a position costs at least its distance, so most of them need not be looked at.
    for (const candidate of candidates(dots[index]!, bounds).sort((a, b) => a.distance - b.distance)) {
      if (candidate.distance >= least) break;
      if (!isFree(candidate)) continue;
      const own = cost(candidate);
      if (own < least) [best, least] = [candidate, own];
    }
    if (best === undefined) throw new Error(`There is no room for the label of dot ${index}`);
    placed.set(index, best);
  }
  return dots.map((_, index) => {
    const { box, leader } = placed.get(index)!;
    return leader === undefined ? { box } : { box, leader };
  });
}

interface Candidate extends PlacedLabel {
  readonly distance: number;
}

/** Candidate positions: adjacent to the dot, then everywhere within the bounds. */
function candidates({ x, y, width, height }: Dot, bounds: Box): Candidate[] {
  const beside = [x + BESIDE, x - BESIDE - width].map((left, side) => ({
    box: { x: left, y: y - height / 2, width, height },
    distance: side,
  }));
  const columns = Math.floor((bounds.width - width) / GRID) + 1;
  const rows = Math.floor((bounds.height - height) / GRID) + 1;
  const anywhere = Array.from({ length: Math.max(0, columns * rows) }, (_, cell) => {
    const left = bounds.x + GRID * (cell % columns);
    const top = bounds.y + GRID * Math.floor(cell / columns);
    // The point on the label's edge nearest to the dot.
    const end = { x: clamp(x, left, left + width), y: clamp(y, top, top + height) };
    const leader = [{ x, y }, end] as const;
    return { box: { x: left, y: top, width, height }, leader, distance: Math.hypot(end.x - x, end.y - y) };
  });
  return [...beside, ...anywhere];
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function around({ x, y }: Point): Box {
  return { x: x - DOT_RADIUS, y: y - DOT_RADIUS, width: 2 * DOT_RADIUS, height: 2 * DOT_RADIUS };
}

function contains(outer: Box, inner: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

export function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Whether a line crosses a box, by clipping it against the box's slabs (Liang and Barsky, 1984). */
export function crosses([from, to]: readonly [Point, Point], box: Box): boolean {
  const right = box.x + box.width;
  const bottom = box.y + box.height;
  // Most lines pass a box by on one side.
  if (Math.max(from.x, to.x) <= box.x || Math.min(from.x, to.x) >= right) return false;
  if (Math.max(from.y, to.y) <= box.y || Math.min(from.y, to.y) >= bottom) return false;
  let [enter, leave] = [0, 1];
  for (const [start, step, low, high] of [
    [from.x, to.x - from.x, box.x, right],
    [from.y, to.y - from.y, box.y, bottom],
  ] as const) {
    if (step === 0) continue;
    const [first, second] = [(low - start) / step, (high - start) / step];
    enter = Math.max(enter, Math.min(first, second));
    leave = Math.min(leave, Math.max(first, second));
  }
  return enter < leave;
}
