import { describe, expect, it } from "vitest";
import { renderCard } from "../../../../infra/base/evaluation/card.ts";
import type { EvaluationReport, Measure } from "../../../../infra/base/evaluation/evaluate.ts";

function measure(right: number, total: number, groups = {}): Measure {
  return { right, total, rate: right / total, groups, failures: [] };
}

describe("renderCard", () => {
  it("states each measure with its counts, its rate and the required rate", () => {
    const report: EvaluationReport = {
      facts: measure(930, 936),
      tasks: measure(252, 280, { copy: { right: 39, total: 40, rate: 0.975 } }),
      sentiment: measure(240, 240),
      chat: measure(239, 240),
    };
    const card = renderCard(report);
    expect(card).toContain("| 930 of 936 | 99.4 % | 90.0 % |");
    expect(card).toContain("| 252 of 280 | 90.0 % | 80.0 % |");
    expect(card).toContain("By task: copy 39/40.");
    expect(card).toContain("5.25 M parameters");
  });
});
