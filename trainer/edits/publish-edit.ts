import { type CanonicalDelta, NO_DELTA } from "../../shared/delta/canonical.ts";
import { EDIT_FILE, type EditFile, encodeEditFile } from "../../shared/edits/edit-file.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { readModelJson } from "../../shared/model/model-folder.ts";
import { tokenizerDigest } from "../../shared/model/tokenizer.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { writeDeltaFolder } from "../../shared/package/delta-folder.ts";
import { adaptersOf } from "../../shared/peft/adapters-of.ts";
import { f32 } from "../../shared/tensor.ts";
import type { Metrics, RecipeJob } from "../recipes/recipe.ts";
import type { ResultFolder } from "../recipes/result.ts";
import { editedModule, type Factors } from "./edit-model.ts";

/** Factors as they are published: in 32 bits. */
export function published({ a, b }: Factors) {
  return { a: f32(a.shape, Float32Array.from(a.data)), b: f32(b.shape, Float32Array.from(b.data)) };
}

export interface PublishEditOptions {
  readonly job: Pick<RecipeJob, "base" | "training" | "validation" | "createdAt">;
  /** The bare base. */
  readonly model: { readonly config: ModelConfig; readonly weights: Weights };
  /** Layer → factors of its change. */
  readonly changes: ReadonlyMap<number, Factors>;
  readonly file: EditFile;
  readonly metrics: Metrics;
  readonly parents: readonly string[];
}

/** The delta's folder, which has the edit alone. Equal arguments give equal bytes. Throws `invalid_delta` if it changes nothing. */
export async function publishEdit({
  job,
  model,
  changes,
  file,
  metrics,
  parents,
}: PublishEditOptions): Promise<ResultFolder> {
  const { base, training, validation, createdAt } = job;
  const linears = new Map([...changes].map(([layer, factors]) => [editedModule(layer), published(factors)] as const));
  const delta: CanonicalDelta = { ...NO_DELTA, linears };
  const adapters = await adaptersOf(delta, {
    ...{ id: base.id, config: model.config, weight: async (name: string) => model.weights.get(name)! },
  });
  const files = await writeDeltaFolder(adapters, {
    base_model: base.id,
    base_digest: base.digest,
    tokenizer_digest: await tokenizerDigest(readModelJson(base.files, "tokenizer.json")),
    methods: [file.method],
    data_digests: [training, validation].flatMap((dataset) => dataset?.digest ?? []),
    metrics: { ...metrics },
    parents: [...parents],
    created_at: createdAt,
  });
  return { kind: "delta", files: new Map([...files, [EDIT_FILE, encodeEditFile(file)]]) };
}
