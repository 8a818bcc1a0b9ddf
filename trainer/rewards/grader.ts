import { messageOf, TrimtabError } from "../../shared/errors.ts";
import type { Flaw } from "../../shared/graders/errors.ts";
import type { GradeContext } from "../../shared/graders/kind.ts";
import { type Grader, grade } from "../../shared/graders/registry.ts";
import { observe } from "../../shared/graders/render.ts";
import type { RewardSource, ScoredReply, ScoredReward } from "./reward-source.ts";

export interface GraderRewardOptions {
  readonly grader: Grader;
  /** The grader's path in the job's request, for errors. */
  readonly param: string;
  /** Asks a model; needed only by graders that name one. */
  readonly ask: GradeContext["ask"];
}

/** Questions that wait for models at a time: each is a request to the server. */
const AT_ONCE = 8;

/**
 * The grade of a reply as its reward, with the dataset's line as `item`. A flawed grade is 0, as the API's graders have it, and
 * carries the flaw's name.
 */
export function graderReward({ grader, param, ask }: GraderRewardOptions): RewardSource {
  async function one({ text, item }: ScoredReply): Promise<ScoredReward> {
    const { score, flaw, parts } = await grade(grader, { observation: observe(text, item), at: param, ask });
    return {
      reward: score,
      ...(parts === undefined ? {} : { parts }),
      ...(flaw === undefined ? {} : { flaw: flawName(flaw) }),
    };
  }
  return {
    async score(replies) {
      const rewards: ScoredReward[] = [];
      for (let at = 0; at < replies.length; at += AT_ONCE) {
        rewards.push(...(await Promise.all(replies.slice(at, at + AT_ONCE).map(one))));
      }
      return rewards;
    },
  };
}

/**
 * Throws for a line of a dataset that the grader's templates do not fit: `invalid_file` with the line's number. No model is asked.
 */
export async function checkItem(
  { grader, param }: Omit<GraderRewardOptions, "ask">,
  { item, line, name }: Pick<ScoredReply, "item"> & { readonly line: number; readonly name: string },
): Promise<void> {
  try {
    const ask = async () => ({ failure: "not asked" });
    await grade(grader, { observation: observe("{}", item), at: param, ask });
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw new TrimtabError("invalid_file", `line ${line} of ${name}: ${messageOf(error)}`, {
      cause: error,
      data: { line, param: error.param },
    });
  }
}

/** The first thing that is wrong, with its details where it has any. */
function flawName(flaw: Flaw): string {
  const set = Object.entries(flaw).filter(([, value]) => value !== false && value !== null && value !== undefined);
  const name = set.find(([, value]) => value === true)?.[0] ?? "other_error";
  const details = set.find(([, value]) => typeof value === "string")?.[1];
  return details === undefined ? name : `${name}: ${details}`;
}
