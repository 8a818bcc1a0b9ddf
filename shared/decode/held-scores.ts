/**
 * Scores of tokens whose text is held back, since it may turn out to begin a call. They are sent with the text, and dropped
 * with what turns out to be a call. Every method mutates it.
 */
export class HeldScores<Score> {
  /** In order; `from` and `to` count the characters of all text up to the token's and with it. */
  #held: { readonly score: Score; readonly from: number; readonly to: number }[] = [];
  #written = 0;
  #sent = 0;

  /** A token that adds so many characters to the text, perhaps none. */
  add(score: Score, characters: number): void {
    this.#held.push({ score, from: this.#written, to: this.#written + characters });
    this.#written += characters;
  }

  /** The scores of the tokens whose text is sent, or begins to be sent, with so many more characters. */
  send(characters: number): Score[] {
    this.#sent += characters;
    const isSent = ({ from, to }: { from: number; to: number }) => to <= this.#sent || from < this.#sent;
    const sent = this.#held.filter(isSent);
    this.#held = this.#held.filter((one) => !isSent(one));
    return sent.map(({ score }) => score);
  }

  /** What is held is no text. */
  drop(): void {
    this.#held = [];
    this.#sent = this.#written;
  }
}
