/**
 * Reads rankings of several completions of one prompt:
 *
 *   {"prompt", "completions": [best, …, worst]}
 *   {"prompt", "completions": [in any order], "ranks": [1 for the best, …]}
 *
 * Ties are refused: the probability of an order has no place for them. Whoever has ties writes pairs of those that differ.
 */
import { LIMITS } from "../limits.ts";
import { Columns, isRecord, kindOf, type RecordPlace, recordError } from "./columns.ts";
import { readCompletion, readWritten, requireDifferent, turnsOf, type Written } from "./completion.ts";
import { readTools } from "./tools.ts";

export interface Ranking {
  readonly prompt: Written;
  /** K ≥ 2 completions, the best first, all texts or all turns; no two say the same. */
  readonly completions: readonly Written[];
  readonly tools?: readonly unknown[];
}

export interface RankingRecord {
  readonly ranking: Ranking;
  /** The parts of the record that are left out, by name. */
  readonly ignored: readonly string[];
}

export const RANKING_COLUMNS = ["prompt", "completions", "ranks", "tools", "functions"] as const;

/** Whether a record has completions of a prompt. */
export function isRankingRecord(value: Readonly<Record<string, unknown>>): boolean {
  return value.completions != null;
}

/** Reads one record. Throws `invalid_file` with its place, the field and what to change. */
export function readRankingRecord(value: unknown, place: RecordPlace): RankingRecord {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const columns = new Columns(value, place);
  const tools = readTools(columns);
  const prompt = readWritten(columns, "prompt");
  const given = columns.json("completions");
  if (!Array.isArray(given)) throw columns.error("completions", `must be a list of completions, not ${kindOf(given)}`);
  if (given.length < 2 || given.length > LIMITS.rankedCompletions) {
    const problem = `must have 2 to ${LIMITS.rankedCompletions} completions, but has ${given.length}`;
    throw columns.error("completions", problem);
  }
  const named = given.map((completion, k): [string, Written] => {
    const name = `completions[${k}]`;
    return [name, readCompletion(new Columns({ [name]: completion }, place), name)];
  });
  requireDifferent(columns, Object.fromEntries(named), "remove one of them");
  const completions = alike(named.map(([, completion]) => completion));
  const ranks = readRanks(columns, completions.length);
  const order = completions.map((_, k) => k).sort((a, b) => ranks[a]! - ranks[b]!);
  const ranking = { prompt, completions: order.map((k) => completions[k]!), ...(tools === undefined ? {} : { tools }) };
  return { ranking, ignored: columns.ignored() };
}

/** All as turns if one is: a reward of a bare text says little beside one of a conversation. */
function alike(completions: readonly Written[]): readonly Written[] {
  return completions.every((completion) => typeof completion === "string") ? completions : completions.map(turnsOf);
}

function readRanks(columns: Columns, count: number): readonly number[] {
  const ranks = columns.json("ranks") ?? Array.from({ length: count }, (_, k) => k);
  if (!Array.isArray(ranks) || ranks.length !== count) {
    throw columns.error("ranks", `must be a list of ${count} numbers, one for each completion`);
  }
  const places = new Map<number, number>();
  for (const [k, rank] of ranks.entries()) {
    if (typeof rank !== "number" || !Number.isFinite(rank)) {
      throw columns.error(`ranks[${k}]`, `must be a number, 1 for the best, not ${kindOf(rank)}`);
    }
    const twin = places.get(rank);
    if (twin !== undefined) {
      throw columns.error(
        `ranks[${k}]`,
        `is the same as ranks[${twin}]: ties cannot be learned as an order; leave one of them out, or write pairs of completions that differ`,
      );
    }
    places.set(rank, k);
  }
  return ranks;
}
