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
    const positions = this.#positions.window([1, count]);
    const width = position + count;
    const bias = this.#bias.window([1, 1, count, width]);
    positions.view().fill(BigInt(position));
    const scores = bias.view().fill(0);
    // A candidate never sees the places after it.
    for (let i = 0; i < count; i++) scores.fill(UNSEEN, i * width + position, i * width + position + i);
    try {
      body({ positions, bias });
    } finally {
      // Every position has a different shape, so handles are not worth keeping.
      positions.dispose();
      bias.dispose();
    }
  }
}
