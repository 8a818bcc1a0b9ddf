import type { StreamDecoder } from "../../shared/model/stream-decoder.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";

/** Control tokens are not part of an answer. */
const SHOWN = { skipSpecial: true };

/** As many tokens before one decide what it decodes to: a character has at most four bytes, and a token at least one. */
const CONTEXT = 4;

export interface CandidateTextsOptions {
  readonly tokenizer: Pick<Tokenizer, "stream" | "control" | "tokenOf">;
  /** The tokens whose text the text goes on from. */
  readonly after: readonly number[];
  /** Tokens that end the text; they are not part of it. */
  readonly endTokens: ReadonlySet<number>;
}

/**
 * What a text would be with each of several tokens behind it, as streaming them all would give it: a character comes out with its
 * last byte. Reads each token of the text once.
 */
export class CandidateTexts {
  readonly #options: CandidateTextsOptions;
  readonly #control: ReadonlySet<number>;
  #read: number[] = [];
  /** The last tokens that have a text, the prompt's included. */
  #recent: readonly number[];
  #stream: StreamDecoder;
  #text = "";

  constructor(options: CandidateTextsOptions) {
    this.#options = options;
    this.#control = new Set(options.tokenizer.control.values());
    this.#recent = this.#shown(options.after);
    this.#stream = options.tokenizer.stream({ ...SHOWN, after: options.after });
  }

  /** One text for each candidate. `generated` may also be another text than the last time, as in a search. */
  of(generated: readonly number[], candidates: readonly number[]): string[] {
    this.#follow(generated);
    const { tokenizer, endTokens } = this.#options;
    return candidates.map((token) => {
      const next = tokenizer.stream({ ...SHOWN, after: this.#recent });
      // What ends a text also ends a character that lacks bytes.
      return this.#text + (endTokens.has(token) ? next.flush() : next.push(token));
    });
  }

  #follow(generated: readonly number[]): void {
    if (this.#read.some((token, i) => generated[i] !== token)) this.#restart();
    for (const token of generated.slice(this.#read.length)) {
      this.#text += this.#stream.push(token);
      this.#recent = this.#shown([...this.#recent, token]);
      this.#read.push(token);
    }
  }

  #restart(): void {
    const { tokenizer, after } = this.#options;
    this.#read = [];
    this.#text = "";
    this.#recent = this.#shown(after);
    this.#stream = tokenizer.stream({ ...SHOWN, after });
  }

  #shown(tokens: readonly number[]): number[] {
    const { tokenizer } = this.#options;
    return tokens
      .filter((token) => !this.#control.has(token) && tokenizer.tokenOf(token) !== undefined)
      .slice(-CONTEXT);
  }
}
