import { describe, expect, it } from "vitest";
import { wordIssue } from "../../../shared/issue-words.ts";
import { LIMITS } from "../../../shared/limits.ts";
import {
  judgedBy,
  SEARCHES,
  SearchRequest,
  scorerDeadline,
  searchReferences,
  searchScorer,
} from "../../../shared/search/registry.ts";

function problem(value: unknown): string {
  const { success, error } = SearchRequest.safeParse(value);
  if (success) return "";
  const { field, problem: what } = wordIssue(error, value);
  return `${field} ${what}`;
}

describe("a search", () => {
  it("has its defaults filled in", () => {
    expect(SearchRequest.parse({})).toEqual({ method: "best_of", best_of: 4, by: "likelihood" });
    expect(SearchRequest.parse({ best_of: 8, by: { reward: "r" }, reject: {} })).toEqual({
      method: "best_of",
      best_of: 8,
      by: { reward: "r" },
      reject: { fraction: 0.5, every: 16 },
    });
    expect(SearchRequest.parse({ method: "beam" })).toEqual({
      method: "beam",
      best_of: 4,
      groups: 1,
      diversity: 0.5,
      length_penalty: 1,
      early_stopping: false,
    });
    const scorer = { scorer: "s", deadline_ms: 5000, on_failure: "end" };
    expect(SearchRequest.parse({ method: "rejection", by: { scorer: "s" }, threshold: 2 })).toEqual({
      method: "rejection",
      best_of: 4,
      by: scorer,
      threshold: 2,
    });
  });

  it.each([
    [{ method: "worst_of" }, "method"],
    [{ best_of: 0 }, "best_of"],
    [{ best_of: LIMITS.candidates + 1 }, "best_of"],
    [{ method: "beam", best_of: LIMITS.beams + 1 }, "best_of"],
    [{ method: "beam", best_of: 4, groups: 3 }, "groups must divide"],
    [{ method: "beam", by: "likelihood" }, "by is an unknown field"],
    [{ method: "rejection", by: "likelihood" }, "threshold is required"],
    [{ method: "rejection", threshold: 1 }, "by is required"],
    [{ by: { scorer: "s" }, reject: {} }, "reject must be left out with a scorer"],
    [{ reject: { fraction: 1 } }, "reject.fraction"],
    [{ reject: { every: 0 } }, "reject.every"],
    [{ max_total_tokens: 0 }, "max_total_tokens"],
    [{ by: { classifier: "c" } }, "by"],
    [{ by: { classifier: "c", label: "x", mode: "lookahead" } }, "by"],
    [{ method: "vote", answer: { regex: "(" } }, "answer.regex must be a pattern"],
    [{ method: "vote", by: "likelihood" }, "by is an unknown field"],
    [{ n: 3 }, "n is an unknown field"],
  ])("is refused by name: %j", (value, start) => {
    expect(problem(value)).toContain(start);
  });

  it("names what judges it", () => {
    const asked = (value: object) => SearchRequest.parse(value);
    const reward = asked({ by: { reward: "r" } });
    expect(searchReferences(reward)).toEqual([{ at: "search.by.reward", id: "r", weight: 1, kind: "classifier" }]);
    expect(searchReferences(asked({ by: { classifier: "c", label: "x" } }))).toMatchObject([
      { at: "search.by.classifier", id: "c" },
    ]);
    const scorer = asked({ method: "rejection", by: { scorer: "s", deadline_ms: 900 }, threshold: 1 });
    expect([searchReferences(scorer), searchScorer(scorer), scorerDeadline(scorer)]).toEqual([[], "s", 900]);
    for (const name of Object.keys(SEARCHES)) {
      if (name === "rejection") continue;
      const plain = asked({ method: name });
      expect([searchReferences(plain), searchScorer(plain), scorerDeadline(plain)]).toEqual([[], undefined, 0]);
    }
    expect(judgedBy(asked({ method: "beam" }))).toBeUndefined();
    expect(judgedBy(asked({ method: "vote" }))).toBe("likelihood");
  });
});
