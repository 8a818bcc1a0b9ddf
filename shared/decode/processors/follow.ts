import type { ProcessorKind } from "../processor.ts";

/** A text that is chosen elsewhere, token by token. */
export interface FollowSettings {
  /** Takes the logits [V] after that many tokens, as a view; may be called again for the same number. */
  readonly deliver: (length: number, logits: Float32Array, final: Float32Array) => void;
  /** The token at that place; undefined while it has not been chosen. */
  readonly tokenAt: (length: number) => number | undefined;
  /** Settles once there is a token at that place. */
  readonly until: (length: number) => Promise<void>;
}

/** Hands a row's logits to the text that it accompanies, in another batch, and leaves only the token that was chosen there. */
export const follow: ProcessorKind<FollowSettings> = {
  isNeutral: () => false,
  create: () => ({
    apply(rows) {
      for (const { row, settings, scores, logits, final, wait } of rows) {
        const { length } = row.generated;
        settings.deliver(length, logits(), final());
        const token = settings.tokenAt(length);
        if (token === undefined) {
          wait(settings.until(length));
          continue;
        }
        scores.fill(Number.NEGATIVE_INFINITY);
        scores[token] = 0;
      }
    },
  }),
};
