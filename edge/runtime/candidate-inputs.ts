import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { NamedTensors } from "./session.ts";

/** Added to the score of a place that must not be seen; its softmax is exactly 0 in float32. */
const UNSEEN = -1e9;

/**
 * The extra inputs of a probe's graph. Candidate i is at place `position + i` of the cache. Candidates for one position are kept
 * from seeing each other: each sees the `position` places before all of them, and its own.
 */
export class CandidateInputs {
  readonly #positions: ResidentTensor<"i64">;
  readonly #bias: ResidentTensor<"f32">;

  /** Room for `most` candidates of a row that holds `capacity` positions. */
  constructor(ort: OrtModule, { most, capacity }: { readonly most: number; readonly capacity: number }) {
    this.#positions = allocateTensor(ort, "i64", [1, most]);
    this.#bias = allocateTensor(ort, "f32", [1, 1, most, capacity]);
  }

  /** Calls `body` with the inputs for `count` candidates at `position`, which are good until it returns. */
  with(count: number, position: number, body: (inputs: NamedTensors) => void): void {
    this.#give(count, position, body, (positions, bias) => {
      positions.fill(BigInt(position));
      const width = position + count;
      // A candidate never sees the places after it.
      for (let i = 0; i < count; i++) bias.fill(UNSEEN, i * width + position, i * width + position + i);
    });
  }

  /** The same for `count` tokens that follow each other from `position` on, each of which sees all before it. */
  inOrder(count: number, position: number, body: (inputs: NamedTensors) => void): void {
    this.#give(count, position, body, (positions) => {
      for (let i = 0; i < count; i++) positions[i] = BigInt(position + i);
    });
  }

  #give(
    count: number,
    position: number,
    body: (inputs: NamedTensors) => void,
    fill: (positions: BigInt64Array, bias: Float32Array) => void,
  ): void {
    const positions = this.#positions.window([1, count]);
    const bias = this.#bias.window([1, 1, count, position + count]);
    fill(positions.view(), bias.view().fill(0));
    try {
      body({ positions, bias });
    } finally {
      // Every position has a different shape, so handles are not worth keeping.
      positions.dispose();
      bias.dispose();
    }
  }
}
