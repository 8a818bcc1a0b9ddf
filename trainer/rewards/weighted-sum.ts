import type { RewardSource, ScoredReward } from "./reward-source.ts";

export interface WeightedSource {
  readonly name: string;
  readonly weight: number;
  readonly source: RewardSource;
}

/**
 * Σ weight · reward. Its parts are the single rewards, without weights, under their names; a later one of the same name gets a
 * number. A flaw of any is the flaw of the sum.
 */
export function weightedSum(sources: readonly WeightedSource[]): RewardSource {
  const names = unique(sources.map(({ name }) => name));
  return {
    async score(replies) {
      const all: (readonly ScoredReward[])[] = [];
      for (const { source } of sources) all.push(await source.score(replies));
      return replies.map((_, r): ScoredReward => {
        const own = all.map((rewards) => rewards[r]!);
        const flaw = own.find((one) => one.flaw !== undefined)?.flaw;
        return {
          reward: own.reduce((sum, { reward }, i) => sum + sources[i]!.weight * reward, 0),
          parts: Object.fromEntries(own.map(({ reward }, i) => [names[i]!, reward])),
          ...(flaw === undefined ? {} : { flaw }),
        };
      });
    },
  };
}

function unique(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let count = 2; seen.has(own) || (own !== name && taken.has(own)); count++) own = `${name}_${count}`;
    seen.add(own);
    return own;
  });
}
