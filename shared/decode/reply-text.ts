import type { CallEvent, CallReader } from "../model/calls/reader.ts";
import { StopSequences } from "./stop-sequences.ts";

export type ReplyPiece = Exclude<CallEvent, { readonly type: "end" }>;

export interface ReplyPieces {
  readonly pieces: readonly ReplyPiece[];
  /** Characters that turned out to be text, whether a stop sequence still holds them back or not. */
  readonly known: number;
  /** Whether a stop sequence ended the text. */
  readonly stopped: boolean;
}

/**
 * Decoded text as what is sent of it: cut at stop sequences, with calls told from text where there are tools. Stop sequences
 * count in text alone; in calls they would break the arguments. `push` and `finish` mutate it.
 */
export class ReplyText {
  readonly #stops: StopSequences;
  readonly #calls: CallReader | undefined;

  constructor(stop: readonly string[], calls?: CallReader) {
    this.#stops = new StopSequences(stop);
    this.#calls = calls;
  }

  /** Whether it has calls, and all of them are complete. */
  get hasCalled(): boolean {
    return this.#calls?.hasCalled ?? false;
  }

  /** Whether what came last belongs to a call. */
  get isInCall(): boolean {
    return this.#calls?.isInCall ?? false;
  }

  push(text: string): ReplyPieces {
    return this.#cut(this.#calls?.push(text) ?? [{ type: "text", text }]);
  }

  /** The rest, once no more text will come. What was held back may still hold a stop sequence. */
  finish(tail: string): ReplyPieces {
    const first = this.push(tail);
    if (first.stopped) return first;
    const held = this.#cut(this.#calls?.flush() ?? []);
    const pieces = [...first.pieces, ...held.pieces];
    const known = first.known + held.known;
    if (held.stopped) return { pieces, known, stopped: true };
    return { pieces: [...pieces, ...textPiece(this.#stops.flush())], known, stopped: false };
  }

  #cut(events: readonly CallEvent[]): ReplyPieces {
    const pieces: ReplyPiece[] = [];
    const known = events.reduce((sum, event) => sum + (event.type === "text" ? event.text.length : 0), 0);
    for (const event of events) {
      if (event.type === "end") continue;
      if (event.type !== "text") {
        // The text before a call has ended, so what looked like a stop sequence is none.
        pieces.push(...textPiece(this.#stops.flush()), event);
        continue;
      }
      const { text, stopped } = this.#stops.push(event.text);
      pieces.push(...textPiece(text));
      if (stopped) return { pieces, known, stopped };
    }
    return { pieces, known, stopped: false };
  }
}

function textPiece(text: string): ReplyPiece[] {
  return text === "" ? [] : [{ type: "text", text }];
}
