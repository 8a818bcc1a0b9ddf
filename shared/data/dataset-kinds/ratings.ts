import { TrimtabError } from "../../errors.ts";
import { answeredPrompt } from "../preference-pair.ts";
import { isRatingRecord, RATING_COLUMNS, readRatingRecord } from "../rating.ts";
import type { DatasetKind, KindTally } from "./kind.ts";

/** Completions, each with a number that says how good it is. */
export const ratings: DatasetKind = {
  holds: 'rated completions, {"prompt", "completion", "rating"}',
  columns: RATING_COLUMNS,
  recognises: isRatingRecord,
  read(value, place) {
    const { rating, ignored } = readRatingRecord(value, place);
    const { prompt, completion, tools } = rating;
    return {
      examples: [answeredPrompt(prompt, completion, tools)],
      ...{ layout: "rated completion", ignored, trainable: true, group: String(rating.rating) },
    };
  },
  tally(): KindTally {
    let [first, differ]: [string | undefined, boolean] = [undefined, false];
    return {
      add({ group }) {
        first ??= group;
        differ ||= group !== first;
      },
      end() {
        if (!differ && first !== undefined) throw constantRatings(first, "the file");
      },
    };
  },
};

/** The error of a file whose ratings tell nothing apart. */
export function constantRatings(rating: string, name: string): TrimtabError {
  return new TrimtabError(
    "invalid_file",
    `every completion of ${name} has the rating ${rating}; ratings that differ are needed to learn what makes one better`,
  );
}
