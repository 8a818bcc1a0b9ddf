import { describe, expect, it } from "vitest";
import type { CompanionRow, PlanContext } from "../../../shared/decode/steering/part.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { planSearch } from "../../../shared/search/plan.ts";
import { SearchRequest } from "../../../shared/search/registry.ts";
import { f32 } from "../../../shared/tensor.ts";

/** h [1] → h, 0, 0… */
const scorer = (labels: readonly string[], temperatures: object = { lookahead: 2 }, lead = [7]): Scorer =>
  ({
    weight: f32(
      [1, labels.length],
      Float32Array.from(labels, (_, c) => (c === 0 ? 1 : 0)),
    ),
    bias: f32([labels.length], new Float32Array(labels.length)),
    about: { labels, lead, temperatures },
  }) as Scorer;

const plan = (search: object, judge: Scorer, companions: readonly CompanionRow[] = []) =>
  planSearch(
    SearchRequest.parse(search),
    {
      scorer: () => judge,
      same: (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b),
    } as unknown as PlanContext,
    companions,
  );

describe("planSearch", () => {
  it("runs a row for a model that judges, and none for what needs none", () => {
    const { judge, companion } = plan({ by: { classifier: "c", label: "good" } }, scorer(["good", "bad"]));
    expect(companion).toEqual({
      role: "search",
      model: { at: "search.by.classifier" },
      prompt: { kind: "tokens", ids: [7] },
      final: true,
    });
    expect(judge!.score(Float32Array.of(3))).toBeCloseTo(1 / (1 + Math.exp(-1.5)), 12);
    const other = plan({ by: { classifier: "c", label: "bad" } }, scorer(["good", "bad"])).judge!;
    expect(other.score(Float32Array.of(3))).toBeCloseTo(1 / (1 + Math.exp(1.5)), 12);
    const reward = plan({ by: { reward: "r" } }, scorer(["reward"], { lookahead: 1 }, []));
    expect(reward.judge!.readsEnd).toBe(false);
    const ended = scorer(["reward"], { lookahead: 1 }, []);
    const reading = plan({ by: { reward: "r" } }, { ...ended, about: { ...ended.about, ends: true } });
    expect(reading.judge!.readsEnd).toBe(true);
    expect(reward.judge!.score(Float32Array.of(-4))).toBe(-4);
    expect(reward.companion!.prompt).toEqual({ kind: "own" });
    for (const asked of [{}, { method: "vote" }, { method: "beam" }, { by: { scorer: "s" } }]) {
      expect(Object.keys(plan(asked, scorer(["reward"])))).toEqual(["asked"]);
    }
  });

  it("shares the row of a part that is the same", () => {
    const row: CompanionRow = {
      role: "classifier[0]",
      model: { at: "search.by.classifier" },
      prompt: { kind: "tokens", ids: [7] },
      final: true,
    };
    const asked = { by: { classifier: "c", label: "good" } };
    const shared = plan(asked, scorer(["good", "bad"]), [row]);
    expect([shared.judge!.role, shared.companion]).toEqual(["classifier[0]", undefined]);
    for (const other of [
      { ...row, prompt: { kind: "own" } as const },
      { role: "x", model: row.model, prompt: row.prompt },
    ])
      expect(plan(asked, scorer(["good", "bad"]), [other]).companion).toBeDefined();
  });

  it.each([
    [{ by: { reward: "c" } }, scorer(["good", "bad"]), "search.by.reward"],
    [{ by: { classifier: "r", label: "reward" } }, scorer(["reward"]), "search.by.classifier"],
    [{ by: { classifier: "c", label: "great" } }, scorer(["good", "bad"]), "search.by.label"],
    [{ by: { classifier: "c", label: "good" } }, scorer(["good", "bad"], { token_values: 1 }), "search.by.classifier"],
  ])("refuses by name what cannot judge: %j", (asked, judge, param) => {
    expect(() => plan(asked, judge)).toThrow(expect.objectContaining({ code: "invalid_request", param }));
  });
});
