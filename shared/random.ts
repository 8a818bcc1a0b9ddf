/**
 * Seeded random streams: the same seed and stream name give the same numbers on every machine, so that a run is a
 * function of its specification, its data and its seed. Never use them for secrets.
 *
 * The generator is xoshiro128** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018). Its
 * state is a hash of the seed and the stream's name, so `createRandom(7, "dropout", 12)` can be recreated at step 12
 * without drawing the numbers of the steps before it.
 */
export interface Random {
  /** An integer in [0, 2³²). */
  uint32(): number;
  /** A number in [0, 1) with 53 random bits. */
  float(): number;
  /** An integer drawn uniformly from [0, limit). `limit` is from 1 to 2³². */
  below(limit: number): number;
  /** A draw from the normal distribution with mean 0 and variance 1. */
  normal(): number;
  /** The numbers 0 … n−1 in random order. */
  permutation(n: number): Uint32Array;
}

export function createRandom(seed: number, ...stream: readonly (number | string)[]): Random {
  const uint32 = xoshiro128(hashToState(JSON.stringify([seed, ...stream])));
  let spare: number | undefined;

  function float(): number {
    return ((uint32() >>> 5) * 0x4000000 + (uint32() >>> 6)) / 0x20000000000000;
  }

  function below(limit: number): number {
    // Reject draws above the largest multiple of `limit`: their remainders would favour small numbers.
    const usable = 0x100000000 - (0x100000000 % limit);
    let draw = uint32();
    while (draw >= usable) draw = uint32();
    return draw % limit;
  }

  function normal(): number {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    // Box and Muller, 1958; 1 − u avoids the logarithm of zero.
    const radius = Math.sqrt(-2 * Math.log(1 - float()));
    const angle = 2 * Math.PI * float();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  function permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, index) => index);
    for (let last = n - 1; last > 0; last--) {
      const other = below(last + 1);
      const swapped = order[last]!;
      order[last] = order[other]!;
      order[other] = swapped;
    }
    return order;
  }

  return { uint32, float, below, normal, permutation };
}

/** The bare generator. Every call advances `state`: four words, not all zero. */
export function xoshiro128(state: Uint32Array): () => number {
  return () => {
    const s1 = state[1]!;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    state[2]! ^= state[0]!;
    state[3]! ^= s1;
    state[1] = s1 ^ state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= s1 << 9;
    state[3] = rotateLeft(state[3]!, 11);
    return result;
  };
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** Hashes a text to four words: FNV-1a from four starting points, each finished with MurmurHash3's avalanche. */
function hashToState(text: string): Uint32Array {
  const state = new Uint32Array(4);
  for (let word = 0; word < 4; word++) {
    let hash = (0x811c9dc5 ^ Math.imul(word + 1, 0x9e3779b9)) >>> 0;
    for (let index = 0; index < text.length; index++) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    state[word] = hash ^ (hash >>> 16);
  }
  // xoshiro can never leave the all-zero state.
  if (state.every((word) => word === 0)) state[0] = 1;
  return state;
}
