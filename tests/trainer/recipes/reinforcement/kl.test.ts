import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { KL_ESTIMATORS } from "../../../../shared/api/reinforcement-methods.ts";
import { GraphBuilder } from "../../../../shared/graph/builder.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { klEstimate, klGraph } from "../../../../trainer/recipes/reinforcement/kl.ts";

const { estimates } = JSON.parse(
  readFileSync(new URL("../../../golden/reinforcement/advantages.json", import.meta.url), "utf8"),
) as { readonly estimates: readonly Readonly<Record<"d" | "k1" | "k2" | "k3", number>>[] };

describe("the estimates of the divergence", () => {
  it.each(KL_ESTIMATORS)("%s is the reference's, in numbers and in a graph", async (estimator) => {
    for (const one of estimates) expect(klEstimate(one.d, estimator)).toBeCloseTo(one[estimator], 14);
    const b = new GraphBuilder("kl");
    const d = b.input("d", "f32", [estimates.length]);
    const program = await createOnnxRuntimeExecutor({ threads: 1 }).compile(
      b.build({ kl: klGraph(b, b.add(d, 0), estimator) }),
    );
    const { kl } = await program.run({
      d: f32(
        [estimates.length],
        estimates.map((one) => one.d),
      ),
    });
    await program.dispose();
    for (const [i, one] of estimates.entries()) {
      expect(Math.abs(Number(kl!.data[i]) - one[estimator])).toBeLessThan(1e-6 * Math.max(1, one[estimator]));
    }
  });

  it("are all KL on average over samples, and k3 is never negative", () => {
    // Of π = (0.5, 0.3, 0.2) and reference = (0.4, 0.4, 0.2); k2 is only close to it.
    const [policy, reference] = [
      [0.5, 0.3, 0.2],
      [0.4, 0.4, 0.2],
    ];
    const d = policy.map((p, i) => Math.log(p / reference[i]!));
    const exact = policy.reduce((sum, p, i) => sum + p * d[i]!, 0);
    const mean = (estimator: "k1" | "k2" | "k3") =>
      policy.reduce((sum, p, i) => sum + p * klEstimate(d[i]!, estimator), 0);
    expect(mean("k1")).toBeCloseTo(exact, 14);
    expect(mean("k3")).toBeCloseTo(exact, 14);
    expect(mean("k2")).toBeCloseTo(exact, 2);
    for (const each of d) expect(klEstimate(each, "k3")).toBeGreaterThanOrEqual(0);
  });
});
