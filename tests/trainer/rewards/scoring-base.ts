/** The tiny base as scorers of replies see it, with a reward model and a classifier made for it. */
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { writeDeltaFolder } from "../../../shared/package/delta-folder.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { ScoringBase } from "../../../trainer/rewards/named-scorer.ts";
import type { ScoredReply } from "../../../trainer/rewards/reward-source.ts";
import { TINY_FILES } from "../recipes/objectives/run-objective.ts";

const { config, weights, tokenizer } = loadModelFolder(TINY_FILES);
const executor = createOnnxRuntimeExecutor({ threads: 1 });

export const BASE: ScoringBase = {
  ...{ config, weights, tokenizer, executor, digest: "b".repeat(64), maxLength: 24 },
  yieldToEventLoop: async () => undefined,
};

export function headOf(name: string, labels: readonly string[], lead: readonly number[] = [], ends = true): Scorer {
  const random = createRandom(8, name);
  const draw = (shape: [number, ...number[]]) =>
    f32(
      shape,
      Float32Array.from({ length: shape.reduce((all, size) => all * size, 1) }, () => random.normal()),
    );
  return {
    weight: draw([config.hiddenSize, labels.length]),
    bias: draw([labels.length]),
    about: {
      labels: [...labels],
      lead: [...lead],
      temperatures: { lookahead: 2 },
      ...(ends ? { ends: true as const } : {}),
    },
  };
}

/** A delta of a head alone, as it is stored. */
export async function deltaOf(scorer: Scorer, digest = BASE.digest) {
  const provenance = { base_model: "tiny", base_digest: digest, tokenizer_digest: "c".repeat(64) };
  const files = await writeDeltaFolder(
    [],
    { ...provenance, data_digests: [], metrics: {}, parents: [], created_at: 1 },
    scorer,
  );
  return { name: "judge", param: "reward.model", files };
}

export function replyOf(prompt: string, text: string): ScoredReply {
  return {
    prompt: Int32Array.from([...tokenizer.prefix, ...tokenizer.encode(prompt)]),
    reply: Int32Array.from([...tokenizer.encode(text, { continues: "text" }), tokenizer.eosId]),
    ...{ text, ended: true, item: {} },
  };
}
