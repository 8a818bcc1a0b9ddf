import { TrimtabError } from "../../../shared/errors.ts";
import { beamTokens, searchBeams } from "./search-beams.ts";
import { searchChoice } from "./search-choice.ts";
import { type SearchEnd, type SearchOptions, SearchRun } from "./search-run.ts";

/**
 * Throws `invalid_request`, by the field's name, for a search that the model has too few rows for, that has too few tokens, or that would make
 * one text several times.
 */
export function requireSearchRoom({ loop, choices, plan }: SearchOptions): void {
  const { asked, companion } = plan;
  const refuse = (param: string, message: string) =>
    new TrimtabError("invalid_request", message, { param: `steering.search.${param}` });
  for (const choice of choices) {
    const { rowCount, remotes } = choice;
    const most = `this model serves at most ${loop.quota} rows at once for one tenant`;
    if (asked.method === "beam") {
      if (remotes > 0) throw refuse("method", "Beams cannot be steered by another base. Draw texts instead.");
      const rows = asked.best_of * rowCount;
      if (rows > loop.quota) {
        throw refuse("best_of", `${asked.best_of} beams take ${rows} rows at once, but ${most}. Ask for fewer beams.`);
      }
      if (beamTokens(choice, asked) < 1) {
        throw refuse("max_total_tokens", `It must be at least ${asked.best_of}: a token for each beam.`);
      }
      continue;
    }
    if (rowCount > loop.quota && companion !== undefined) {
      throw refuse("by", `A text and what judges it take ${rowCount} rows at once, but ${most}.`);
    }
    if (choice.isGreedy && asked.best_of > 1) {
      const message =
        "At a temperature of 0 all candidates are the same text. Set `temperature` above 0, or `best_of` to 1.";
      throw refuse("best_of", message);
    }
  }
}

/**
 * Searches a text for each choice, each search by itself, and emits the events of the texts that are chosen as soon as they are.
 * `onStart` gets a function that ends everything at once. Resolves with what it cost, also where it was ended.
 *
 * Throws the error of the first candidate that fails, once no other is left in the batch.
 */
export async function runSearch(options: SearchOptions, onStart: (cancel: () => void) => void): Promise<SearchEnd> {
  const run = new SearchRun(options);
  const { asked } = options.plan;
  onStart(() => run.abort());
  const searches = options.choices.map((choice) =>
    asked.method === "beam" ? searchBeams(run, choice, asked) : searchChoice(run, choice, asked),
  );
  try {
    await Promise.all(searches);
  } catch (error) {
    run.abort();
    await Promise.allSettled(searches);
    throw error;
  }
  return run.end;
}
