/**
 * MinHash in bands (Broder, 1997; Leskovec et al., "Mining of Massive Datasets", 3.4). Two sets agree on one permutation's minimum
 * with a probability of their Jaccard similarity J, and so on a band of r minima with Jʳ: of b bands at least one agrees with
 * 1 − (1 − Jʳ)ᵇ, which rises steeply near (1/b)^(1/r).
 */
import { createRandom } from "../../../random.ts";
import { mixed } from "./words.ts";

export interface BandShape {
  readonly bands: number;
  readonly rows: number;
}

/** Of 128 permutations, so many a band that of pairs at the threshold at least 98 % share one. */
export function bandShape(similarity: number): BandShape {
  const rows =
    [6, 5, 4, 3].find((each) => 1 - (1 - similarity ** each) ** Math.floor(PERMUTATIONS / each) >= 0.98) ?? 2;
  return { bands: Math.floor(PERMUTATIONS / rows), rows };
}

const PERMUTATIONS = 128;
const random = createRandom(1997, "minhash");
/** x ↦ a·x + b modulo 2³², with a odd, permutes the hashes. */
const FACTORS = Int32Array.from({ length: PERMUTATIONS }, () => random.uint32() | 1);
const OFFSETS = Int32Array.from({ length: PERMUTATIONS }, () => random.uint32());

const minima = new Int32Array(PERMUTATIONS);

/** The keys of a set's bands. Writes `bands` numbers to `keys` from `at`. The set must not be empty. */
export function writeBands(set: Uint32Array, { bands, rows }: BandShape, keys: Uint32Array, at: number): void {
  findMinima(set);
  for (let band = 0; band < bands; band++) {
    let key = 0x5bd1e995 ^ band;
    for (let row = 0; row < rows; row++) {
      key = Math.imul(key ^ minima[band * rows + row]!, 0x85ebca6b);
      key = (key << 15) | (key >>> 17);
    }
    keys[at + band] = mixed(key);
  }
}

/** The least of each permutation, four at a time: most of the time of looking for copies is spent here. */
function findMinima(set: Uint32Array): void {
  for (let k = 0; k < PERMUTATIONS; k += 4) {
    const [a, b, c, d] = [FACTORS[k]!, FACTORS[k + 1]!, FACTORS[k + 2]!, FACTORS[k + 3]!];
    const [e, f, g, h] = [OFFSETS[k]!, OFFSETS[k + 1]!, OFFSETS[k + 2]!, OFFSETS[k + 3]!];
    let [first, second, third, fourth] = [0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff];
    for (let at = 0; at < set.length; at++) {
      const hash = set[at]! | 0;
      const one = (Math.imul(a, hash) + e) | 0;
      const two = (Math.imul(b, hash) + f) | 0;
      const three = (Math.imul(c, hash) + g) | 0;
      const four = (Math.imul(d, hash) + h) | 0;
      first = one < first ? one : first;
      second = two < second ? two : second;
      third = three < third ? three : third;
      fourth = four < fourth ? four : fourth;
    }
    minima[k] = first;
    minima[k + 1] = second;
    minima[k + 2] = third;
    minima[k + 3] = fourth;
  }
}
