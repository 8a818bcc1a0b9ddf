/**
 * Reads ratings of single completions:
 *
 *   {"prompt", "completion", "rating": 4}               texts or lists of turns
 *   {"messages", "rating": 4}                           the last turn is the completion
 *   {…, "ratings": {"anna": 4, "ben": 5}}               of several raters, by name
 *   {…, "ratings": [{"rater": "anna", "rating": 4}, …]} the same as a list
 */
import { LIMITS } from "../limits.ts";
import { Columns, isRecord, kindOf, type RecordPlace, recordError } from "./columns.ts";
import { readCompletion, readLastTurn, readWritten, type Written } from "./completion.ts";
import { readTools } from "./tools.ts";

export interface Rating {
  readonly prompt: Written;
  readonly completion: Written;
  /** The mean over its raters. */
  readonly rating: number;
  /** What each named rater said; empty where none is named. */
  readonly raters: Readonly<Record<string, number>>;
  readonly tools?: readonly unknown[];
}

export interface RatingRecord {
  readonly rating: Rating;
  /** The parts of the record that are left out, by name. */
  readonly ignored: readonly string[];
}

export const RATING_COLUMNS = ["prompt", "completion", "messages", "rating", "ratings", "tools", "functions"] as const;

/** Whether a record has a completion with a rating. */
export function isRatingRecord(value: Readonly<Record<string, unknown>>): boolean {
  return (value.rating != null || value.ratings != null) && (value.completion != null || value.messages != null);
}

/** Reads one record. Throws `invalid_file` with its place, the field and what to change. */
export function readRatingRecord(value: unknown, place: RecordPlace): RatingRecord {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const columns = new Columns(value, place);
  const tools = readTools(columns);
  const answer =
    value.completion == null
      ? readLastTurn(columns, "messages")
      : { prompt: readWritten(columns, "prompt"), completion: readCompletion(columns, "completion") };
  const raters = readRaters(columns);
  const said = Object.values(raters);
  const mean = said.reduce((sum, one) => sum + one, 0) / said.length;
  const rating = said.length === 0 ? number(columns, "rating", columns.take("rating")) : mean;
  return {
    rating: { ...answer, rating, raters, ...(tools === undefined ? {} : { tools }) },
    ignored: columns.ignored(),
  };
}

function readRaters(columns: Columns): Record<string, number> {
  const given = columns.json("ratings");
  if (given === undefined) return {};
  if (columns.take("rating") !== undefined) {
    throw columns.error("ratings", "stands beside rating; a line has one rating, or the ratings of its raters");
  }
  const entries: (readonly [name: string, rating: unknown, path: string])[] = isRecord(given)
    ? Object.entries(given).map(([name, rating]) => [name, rating, `ratings.${name}`])
    : listed(columns, given);
  const result: Record<string, number> = {};
  for (const [name, rating, path] of entries) {
    if (Object.hasOwn(result, name)) {
      throw columns.error(path, `is a second rating by ${JSON.stringify(name)}; a rater rates a completion once`);
    }
    Object.defineProperty(result, name, { value: number(columns, path, rating), enumerable: true });
  }
  if (entries.length === 0) throw columns.error("ratings", "must not be empty");
  return result;
}

function listed(columns: Columns, given: unknown): (readonly [string, unknown, string])[] {
  if (!Array.isArray(given)) {
    throw columns.error("ratings", `must be an object of raters and their ratings, not ${kindOf(given)}`);
  }
  return given.map((one, i) => {
    const path = `ratings[${i}]`;
    if (!isRecord(one)) throw columns.error(path, `must be an object with rater and rating, not ${kindOf(one)}`);
    const { rater } = one;
    if (typeof rater !== "string" || rater === "") throw columns.error(`${path}.rater`, "must be the rater's name");
    return [rater, one.rating, `${path}.rating`] as const;
  });
}

function number(columns: Columns, path: string, value: unknown): number {
  if (typeof value === "number" && Math.abs(value) <= LIMITS.rating) return value;
  throw columns.error(path, `must be a number between −${LIMITS.rating} and ${LIMITS.rating}, not ${kindOf(value)}`);
}
