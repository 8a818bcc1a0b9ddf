import type { Value } from "../../shared/graph/graph.ts";
import type { NamedTensors } from "../engines/executor.ts";

/**
 * How a metric's values from several micro-batches become one: `sum` where each holds its share of the whole (a sum divided
 * by a total of the step, as losses are), `mean` where each stands for itself.
 */
export type MetricKind = "sum" | "mean";
export type MetricKinds = Readonly<Record<string, MetricKind>>;

/** A scalar that a graph computes beside its loss. */
export interface GraphMetric {
  readonly value: Value;
  readonly kind: MetricKind;
}
export type GraphMetrics = Readonly<Record<string, GraphMetric>>;

/** What metrics are called among a graph's outputs, so that they collide with no parameter. */
export const metricOutput = (name: string) => `metric#${name}`;

/** The outputs of a graph that has these metrics. */
export function metricOutputs(metrics: GraphMetrics = {}): Record<string, Value> {
  return Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [metricOutput(name), value]));
}

export function kindsOf(metrics: GraphMetrics = {}): MetricKinds {
  return Object.fromEntries(Object.entries(metrics).map(([name, { kind }]) => [name, kind]));
}

/** Adds up metrics over micro-batches. `add` and `result` never mutate a tensor. */
export class MetricSums {
  readonly #kinds: MetricKinds;
  readonly #sums: Record<string, number> = {};
  #batches = 0;

  constructor(kinds: MetricKinds = {}) {
    this.#kinds = kinds;
  }

  /** Takes the outputs of one micro-batch. */
  add(outputs: NamedTensors): void {
    this.#batches += 1;
    for (const name of Object.keys(this.#kinds)) {
      this.#sums[name] = (this.#sums[name] ?? 0) + Number(outputs[metricOutput(name)]!.data[0]);
    }
  }

  /** By name, over all micro-batches so far; empty before the first one. */
  result(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.#sums).map(([name, sum]) => [name, this.#kinds[name] === "mean" ? sum / this.#batches : sum]),
    );
  }
}
