import { answeredPrompt } from "../preference-pair.ts";
import { isRankingRecord, RANKING_COLUMNS, readRankingRecord } from "../ranking.ts";
import type { DatasetKind } from "./kind.ts";

/** Several completions of one prompt, in an order without ties. */
export const rankings: DatasetKind = {
  holds: 'rankings, {"prompt", "completions"} with the best completion first',
  columns: RANKING_COLUMNS,
  recognises: isRankingRecord,
  read(value, place) {
    const { ranking, ignored } = readRankingRecord(value, place);
    const { prompt, completions, tools } = ranking;
    return {
      examples: completions.map((completion) => answeredPrompt(prompt, completion, tools)),
      ...{ layout: "ranking", ignored, trainable: true },
    };
  },
};
