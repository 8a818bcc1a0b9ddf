import type { CanonicalDelta } from "../../../shared/delta/canonical.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import type { SteeringFacts } from "../../../shared/delta/steering.ts";
import { readModelJson } from "../../../shared/model/model-folder.ts";
import { tokenizerDigest } from "../../../shared/model/tokenizer.ts";
import { writeDeltaFolder } from "../../../shared/package/delta-folder.ts";
import { adaptersOf } from "../../../shared/peft/adapters-of.ts";
import { f32 } from "../../../shared/tensor.ts";
import type { StartingModel } from "../parent.ts";
import type { Metrics, RecipeJob } from "../recipe.ts";
import type { ResultFolder } from "../result.ts";

/**
 * Vectors [D] that are added to the residual stream after layers, as a delta: a layer ends with the output of its
 * `mlp.down_proj`, so a bias there is the same sum. A weight on the delta is the vectors' strength.
 */
export function vectorDelta(vectors: ReadonlyMap<number, Float64Array>): CanonicalDelta {
  const linears = [...vectors].map(
    ([layer, vector]) =>
      [`layers.${layer}.mlp.down_proj`, { bias: f32([vector.length], Float32Array.from(vector)) }] as const,
  );
  return { ...NO_DELTA, linears: new Map(linears) };
}

export interface PublishVectorsOptions {
  readonly job: Pick<RecipeJob, "base" | "training" | "validation" | "createdAt" | "parent">;
  readonly model: Pick<StartingModel, "config" | "weights">;
  readonly vectors: ReadonlyMap<number, Float64Array>;
  readonly steering: SteeringFacts;
  readonly metrics: Metrics;
}

/** The delta's folder. Equal arguments give equal bytes. */
export async function publishVectors(options: PublishVectorsOptions): Promise<ResultFolder> {
  const { job, model, vectors, steering, metrics } = options;
  const { base, parent } = job;
  const adapters = await adaptersOf(vectorDelta(vectors), {
    id: base.id,
    config: model.config,
    weight: async (name) => model.weights.get(name)!,
  });
  const files = await writeDeltaFolder(adapters, {
    base_model: base.id,
    base_digest: base.digest,
    tokenizer_digest: await tokenizerDigest(readModelJson(base.files, "tokenizer.json")),
    methods: ["steering_vector"],
    data_digests: [job.training, job.validation].flatMap((dataset) => dataset?.digest ?? []),
    metrics: { ...metrics },
    parents: parent === undefined ? [] : [parent.digest],
    steering,
    created_at: job.createdAt,
  });
  return { kind: "delta", files };
}
