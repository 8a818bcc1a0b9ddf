/** What compares the replies of the two models. */

import type { ModelAnswer, Question } from "../../shared/graders/kind.ts";
import { type Grader, grade } from "../../shared/graders/registry.ts";
import { observe } from "../../shared/graders/render.ts";

/** A reply and what it answers, as sources of rewards take it. */
export interface ScoredReply {
  /** Ids. */
  readonly prompt: Int32Array;
  /** Ids, with the end token if it has one. */
  readonly reply: Int32Array;
  /** Decoded, without the end token. */
  readonly text: string;
  readonly ended: boolean;
  /** The dataset's line. */
  readonly item: Readonly<Record<string, unknown>>;
}

export interface JudgedReply {
  readonly reward: number;
  /** Why the reply could not be scored; the reward says nothing then. */
  readonly flaw?: string;
}

/** Scores replies, in order, one score each: the job's own reward, or a grader of the report's settings. */
export interface Judge {
  /** Such as `the grader polite`. */
  readonly name: string;
  /** Whether the job trained on it, so that it may have been learned by heart. */
  readonly ownReward: boolean;
  score(replies: readonly ScoredReply[]): Promise<readonly JudgedReply[]>;
}

/** Replies that are graded at a time: a grader may ask a model, which is a request to the server. */
const AT_ONCE = 8;

/** A grader as a judge. `at` is its path in the job's request. */
export function graderJudge(
  grader: Grader,
  { at, ask }: { readonly at: string; readonly ask: (question: Question) => Promise<ModelAnswer> },
): Judge {
  return {
    name: `the grader ${grader.name}`,
    ownReward: false,
    async score(replies) {
      const one = async ({ text, item }: ScoredReply): Promise<JudgedReply> => {
        const { score, flaw } = await grade(grader, { observation: observe(text, item), at, ask });
        return flaw === undefined ? { reward: score } : { reward: score, flaw: Object.keys(flaw).join(", ") };
      };
      const judged: JudgedReply[] = [];
      for (let start = 0; start < replies.length; start += AT_ONCE) {
        judged.push(...(await Promise.all(replies.slice(start, start + AT_ONCE).map(one))));
      }
      return judged;
    },
  };
}
