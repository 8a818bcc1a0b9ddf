/** Maps an axis's values to pixels and chooses its ticks. */
export interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

export interface ScaleOptions {
  readonly values: readonly number[];
  readonly log: boolean;
  /** Pixels of the axis's start and end, in either order. */
  readonly range: readonly [number, number];
}

/** An axis that covers all values with some margin. Takes at least one value; only positive ones if logarithmic. */
export function scale({ values, log, range: [start, end] }: ScaleOptions): Scale {
  const [forward, back] = log ? [Math.log10, (x: number) => 10 ** x] : [(x: number) => x, (x: number) => x];
  const least = forward(Math.min(...values));
  const most = forward(Math.max(...values));
  const room = most === least ? Math.max(Math.abs(most) / 2, 0.5) : 0.08 * (most - least);
  const [low, high] = [least - room, most + room];
  return {
    place: (value) => start + ((forward(value) - low) / (high - low)) * (end - start),
    ticks: log ? logTicks(back(low), back(high)) : evenTicks(low, high),
  };
}

/** 1, 2 and 5 times the powers of ten, or only the powers if there are many. */
function logTicks(low: number, high: number): number[] {
  const ticks = (steps: readonly number[]) => {
    const powers = Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1;
    return Array.from({ length: powers }, (_, index) => 10 ** (Math.floor(Math.log10(low)) + index))
      .flatMap((power) => steps.map((step) => Number((step * power).toPrecision(3))))
      .filter((tick) => tick >= low && tick <= high);
  };
  return [[1, 2, 5], [1, 3], [1]].map(ticks).find(({ length }) => length <= 7) ?? ticks([1]);
}

/** Multiples of 1, 2 or 5 times a power of ten, four to eight of them. */
function evenTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(10)));
}
