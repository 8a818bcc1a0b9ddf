/**
 * The limits of one rendering: work, and the size of any text or list. Operations that make or read many characters or
 * elements charge for them before they do so.
 */
import { failure } from "./failure.ts";

export interface RenderLimits {
  /** The size of the input: messages, and characters in total. */
  readonly messages: number;
  readonly characters: number;
}

const MAX_DEPTH = 250;
/** How many characters or elements cost as much as evaluating one node. */
const PER_STEP = 16;

export class Budget {
  readonly maxSize: number;
  #work: number;
  #depth = 0;

  constructor({ messages, characters }: RenderLimits) {
    this.#work = 200_000 + 2_000 * messages + characters;
    this.maxSize = 256 * 1024 + 4 * characters;
  }

  /** Charges for `steps` nodes. */
  charge(steps: number): void {
    this.#work -= steps;
    if (this.#work < 0) throw failure("does too much work; does it loop forever?");
  }

  /** Charges for reading `count` characters or elements. */
  read(count: number): void {
    this.charge(count / PER_STEP);
  }

  /** Charges for a text or list of `size` characters or elements, before it is made. */
  make(size: number): void {
    if (!(size <= this.maxSize)) throw failure(`makes a value of more than ${this.maxSize} characters`);
    this.charge(size / PER_STEP);
  }

  /** Runs one level of a recursive function. */
  nested<T>(run: () => T): T {
    this.enter();
    const result = run();
    this.leave();
    return result;
  }

  /** Counts a level of nesting; `leave` ends it. Not needed after an error, which ends the rendering. */
  enter(): void {
    if (++this.#depth > MAX_DEPTH) throw failure(`nests more than ${MAX_DEPTH} deep`);
  }

  leave(): void {
    this.#depth--;
  }
}
