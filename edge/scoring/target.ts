/** A scorer as it is called. */
export interface ScorerTarget {
  readonly tenant: string;
  readonly name: string;
  readonly url: string;
  /** Signs the calls; null for none. Never part of a reply or an error. */
  readonly secret: string | null;
}

export interface ScoreRequest {
  /** The candidates, one score each. */
  readonly texts: readonly string[];
  /** What the candidates continue: a text, or the messages of a chat. */
  readonly prompt?: string | readonly { readonly role: string; readonly content: string }[];
  readonly requestId: string;
}

export interface CallOptions {
  /** Milliseconds for everything: waiting for a place, the connection, and the whole reply. */
  readonly deadlineMs: number;
  /** Ends the call early, with `cancelled`. */
  readonly signal?: AbortSignal;
}
