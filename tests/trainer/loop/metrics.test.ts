import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { scalar } from "../../../shared/tensor.ts";
import { kindsOf, MetricSums, metricOutput, metricOutputs } from "../../../trainer/loop/metrics.ts";

const outputs = (values: Record<string, number>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [metricOutput(name), scalar("f32", value)]));

describe("metrics", () => {
  it("are summed or averaged over micro-batches, or their extremes taken, as declared", () => {
    const sums = new MetricSums({ "rewards/margin": "sum", entropy: "mean", least: "min", most: "max" });
    for (const [margin, entropy] of [
      [0.25, 1],
      [0.5, 2],
      [-1, 6],
    ] as const) {
      sums.add({
        ...outputs({ "rewards/margin": margin, entropy, least: margin, most: entropy }),
        loss: scalar("f32", 9),
      });
    }
    expect(sums.result()).toEqual({ "rewards/margin": -0.25, entropy: 3, least: -1, most: 6 });
  });

  it("are none before the first micro-batch, and none where a graph has none", () => {
    expect(new MetricSums({ entropy: "mean" }).result()).toEqual({});
    expect([metricOutputs(), kindsOf()]).toEqual([{}, {}]);
  });

  it("have outputs of their own in a graph, which no parameter's name can take", () => {
    const b = new GraphBuilder("g");
    const value = b.input("x", "f32", []);
    const metrics = { loss: { value, kind: "sum" } } as const;
    expect(metricOutputs(metrics)).toEqual({ "metric#loss": value });
    expect(kindsOf(metrics)).toEqual({ loss: "sum" });
  });
});
