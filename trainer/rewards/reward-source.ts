/** A reply that a reward is asked for. */
export interface ScoredReply {
  /** The prompt's token ids. */
  readonly prompt: Int32Array;
  /** The reply's, with the token that ends it where it has one. */
  readonly reply: Int32Array;
  /** The reply as text, without the token that ends it. */
  readonly text: string;
  /** Whether the model ended it by itself. */
  readonly ended: boolean;
  /** The prompt's line of the dataset. */
  readonly item: Readonly<Record<string, unknown>>;
}

export interface ScoredReward {
  readonly reward: number;
  /** What the reward was made from, by name. */
  readonly parts?: Readonly<Record<string, number>>;
  /** What kept the reply from being judged, in a word or two. Its `reward` counts all the same. */
  readonly flaw?: string;
}

/**
 * Something that judges replies: a reward model, a classifier, a grader. Equal replies get equal rewards, so that a resumed run
 * goes on as an undisturbed one does.
 */
export interface RewardSource {
  /** One reward for each reply, in their order. Throws TrimtabError for what the job's owner can mend. */
  score(replies: readonly ScoredReply[]): Promise<readonly ScoredReward[]>;
}
