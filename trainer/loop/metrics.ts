import type { Value } from "../../shared/graph/graph.ts";
import type { NamedTensors } from "../engines/executor.ts";

/**
 * How a metric's values from several micro-batches combine: `sum` if each is its share of the step's value (a sum divided by a
 * total over the step, as losses are), `mean` if each stands on its own, `min` and `max` for the least and the most.
 */
export type MetricKind = "sum" | "mean" | "min" | "max";
export type MetricKinds = Readonly<Record<string, MetricKind>>;

/** A scalar that a graph computes besides its loss. */
export interface GraphMetric {
  readonly value: Value;
  readonly kind: MetricKind;
}
export type GraphMetrics = Readonly<Record<string, GraphMetric>>;

/** A metric's name among a graph's outputs, which no parameter can have. */
export const metricOutput = (name: string) => `metric#${name}`;

/** The graph outputs for these metrics. */
export function metricOutputs(metrics: GraphMetrics = {}): Record<string, Value> {
  return Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [metricOutput(name), value]));
}

export function kindsOf(metrics: GraphMetrics = {}): MetricKinds {
  return Object.fromEntries(Object.entries(metrics).map(([name, { kind }]) => [name, kind]));
}

/** Combines metrics over micro-batches. Never mutates a tensor. */
export class MetricSums {
  readonly #kinds: MetricKinds;
  readonly #sums: Record<string, number> = {};
  /** How many micro-batches had each metric. */
  readonly #counts: Record<string, number> = {};

  constructor(kinds: MetricKinds = {}) {
    this.#kinds = kinds;
  }

  /** Takes the outputs of one micro-batch; one whose graph lacks a metric does not count in it. */
  add(outputs: NamedTensors): void {
    for (const [name, kind] of Object.entries(this.#kinds)) {
      const output = outputs[metricOutput(name)];
      if (output === undefined) continue;
      const value = Number(output.data[0]);
      const before = this.#sums[name];
      this.#counts[name] = (this.#counts[name] ?? 0) + 1;
      this.#sums[name] = before === undefined ? value : combined(kind, before, value);
    }
  }

  /** By name, over all micro-batches so far; empty before the first. */
  result(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.#sums).map(([name, sum]) => [
        name,
        this.#kinds[name] === "mean" ? sum / this.#counts[name]! : sum,
      ]),
    );
  }
}

function combined(kind: MetricKind, before: number, value: number): number {
  if (kind === "min") return Math.min(before, value);
  return kind === "max" ? Math.max(before, value) : before + value;
}
