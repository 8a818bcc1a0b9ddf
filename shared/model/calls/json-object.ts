/** Finds where a JSON object ends in a text that arrives in pieces. Looks at quotes and brackets only. */
export class JsonObject {
  #depth = 0;
  #inText = false;
  #escaped = false;
  #ended = false;

  /** Whether the bracket that opened the object has been closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many of the characters belong to the object; all of them until it ends. The first piece begins with its bracket. */
  push(text: string): number {
    for (let at = 0; at < text.length; at++) {
      if (this.#ended) return at;
      this.#take(text[at]!);
    }
    return text.length;
  }

  #take(character: string): void {
    if (this.#inText) {
      if (this.#escaped) this.#escaped = false;
      else if (character === "\\") this.#escaped = true;
      else if (character === '"') this.#inText = false;
      return;
    }
    if (character === '"') this.#inText = true;
    else if (character === "{" || character === "[") this.#depth++;
    else if (character === "}" || character === "]") {
      this.#depth--;
      this.#ended = this.#depth <= 0;
    }
  }
}
