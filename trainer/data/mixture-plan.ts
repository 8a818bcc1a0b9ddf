/** How the examples of several files are mixed: their shares of an epoch, and the order in which an epoch has them. */
import { createRandom } from "../../shared/random.ts";

export interface MixtureFile {
  /** Its units, at least one. */
  readonly units: number;
  readonly weight: number;
  readonly maxExamples?: number | undefined;
}

export interface MixtureShares {
  /** Units that an epoch has of each file, at least one. */
  readonly counts: readonly number[];
  /** Of all of them. */
  readonly perEpoch: number;
}

/**
 * Examples-proportional mixing with a limit and a temperature (Raffel et al., 2020, section 3.5.2). A file counts for
 *
 *   e = min(units · weight, maxExamples)
 *
 * and has the share e^(1/T) / Σ e^(1/T) of an epoch of Σ e units. With weights and a temperature of 1 and no limit an epoch has every
 * unit once.
 */
export function mixtureShares(files: readonly MixtureFile[], temperature: number): MixtureShares {
  const counted = files.map(({ units, weight, maxExamples = Number.POSITIVE_INFINITY }) =>
    Math.min(units * weight, maxExamples),
  );
  const perEpoch = Math.max(files.length, Math.round(sum(counted)));
  // By its logarithm, since a power of a large count could lose the small ones.
  const largest = Math.max(...counted.map(Math.log));
  const rates = counted.map((count) => Math.exp((Math.log(count) - largest) / temperature));
  return { counts: apportioned(rates, perEpoch), perEpoch };
}

/** Whole numbers in these proportions that add up to `total`, each at least 1, by largest remainders. */
function apportioned(rates: readonly number[], total: number): number[] {
  const all = sum(rates);
  // A share that is whole but for its rounding has no remainder.
  const exact = rates.map((rate) => Math.round((1e6 * (rate * total)) / all) / 1e6);
  const counts = exact.map((share) => Math.max(1, Math.floor(share)));
  const byRemainder = exact.map((share, at) => ({ at, left: share - counts[at]! })).sort((a, b) => b.left - a.left);
  let missing = total - sum(counts);
  for (let next = 0; missing > 0; next = (next + 1) % counts.length, missing--) counts[byRemainder[next]!.at]! += 1;
  while (missing < 0) {
    // Those that were raised to 1 take from the largest.
    counts[counts.indexOf(Math.max(...counts))]! -= 1;
    missing += 1;
  }
  return counts;
}

export interface MixtureOrderOptions {
  readonly files: readonly Pick<MixtureFile, "units">[];
  readonly counts: readonly number[];
  readonly strategy: "shuffle" | "spread";
  readonly seed: number;
}

/**
 * The units of an epoch, as numbers that count through the files one after another. Each file is gone through in an order of its own
 * until it is used up, however many epochs that takes, and then in another. A pure function of the options and the epoch.
 */
export function mixtureOrder({ files, counts, strategy, seed }: MixtureOrderOptions): (epoch: number) => Uint32Array {
  const starts = files.map((_, file) => sum(files.slice(0, file).map(({ units }) => units)));
  const perEpoch = sum(counts);

  function drawn(epoch: number): Uint32Array {
    const draws = new Uint32Array(perEpoch);
    let to = 0;
    for (const [file, { units }] of files.entries()) {
      const count = counts[file]!;
      let known: { pass: number; order: Uint32Array } | undefined;
      for (let n = epoch * count; n < (epoch + 1) * count; n++) {
        const pass = Math.floor(n / units);
        if (known?.pass !== pass) {
          known = { pass, order: createRandom(seed, "order of a file", file, pass).permutation(units) };
        }
        draws[to++] = starts[file]! + known.order[n % units]!;
      }
    }
    return draws;
  }

  function places(epoch: number): Uint32Array {
    if (strategy === "shuffle") return createRandom(seed, "order", epoch).permutation(perEpoch);
    const keys = new Float64Array(perEpoch);
    let to = 0;
    for (const [file, count] of counts.entries()) {
      // One offset for a file keeps its units apart by the same distance.
      const offset = createRandom(seed, "spread", epoch, file).float();
      for (let n = 0; n < count; n++) keys[to++] = (n + offset) / count;
    }
    return Uint32Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]! || a - b);
  }

  return (epoch) => {
    const draws = drawn(epoch);
    return places(epoch).map((place) => draws[place]!);
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
