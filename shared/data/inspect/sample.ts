/** A sample of lines that is drawn while they pass by, each as likely as any other: for what would take too long on all. */
import { createRandom } from "../../random.ts";

/** What a sampled line keeps of its texts. */
export interface SampledTexts {
  readonly line: number;
  readonly instruction: string;
  readonly reply: string;
}

const SAMPLED_CHARACTERS = 2000;

/** Reservoir sampling (Vitter, 1985): the same lines of the same file every time. */
export class LineSample {
  readonly #size: number;
  readonly #random = createRandom(1985, "sample");
  readonly #kept: SampledTexts[] = [];
  #seen = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(line: number, instruction: string, reply: string): void {
    this.#seen += 1;
    const place = this.#kept.length < this.#size ? this.#kept.length : this.#random.below(this.#seen);
    if (place >= this.#size) return;
    const cut = (text: string) => text.slice(0, SAMPLED_CHARACTERS);
    this.#kept[place] = { line, instruction: cut(instruction), reply: cut(reply) };
  }

  /** In the order of the file. */
  get lines(): readonly SampledTexts[] {
    return this.#kept.toSorted((a, b) => a.line - b.line);
  }
}
