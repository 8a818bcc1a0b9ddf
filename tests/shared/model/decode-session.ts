import { cacheNames, cacheWidth, type DecodeGraphOptions, decodeGraph } from "../../../shared/model/decode-graph.ts";
import { EMBEDDING } from "../../../shared/model/modules.ts";
import { f32, type Tensor, tensor, zeros } from "../../../shared/tensor.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { goldenModel } from "./golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

export interface OpenDecoder {
  /** Feeds the next tokens of every row, `ids` [rows][new]; gives the logits [rows, V] of the last ones, and what made them. */
  readonly feed: (ids: readonly (readonly number[])[]) => Promise<{ logits: Float32Array; final: Float32Array }>;
  readonly dispose: () => Promise<void>;
}

/** The decode graph with its caches carried from call to call; `extra` are the inputs of its features. */
export async function openDecoder(
  { config, weights }: Awaited<ReturnType<typeof goldenModel>>,
  options: DecodeGraphOptions & { readonly rows: number; readonly extra?: Readonly<Record<string, Tensor>> },
): Promise<OpenDecoder> {
  const { rows, capacity, extra = {} } = options;
  const graph = decodeGraph(config, options);
  const program = await executor.compile(graph, { bindings: takenBy(graph, weights) });
  const names = Array.from({ length: config.layers }, (_, layer) => cacheNames(layer));
  const empty = zeros([rows, config.kvHeads, capacity, cacheWidth(config)]);
  let past: Record<string, Tensor> = Object.fromEntries(
    names.flatMap(({ key, value }) => [
      [key, empty],
      [value, empty],
    ]),
  );
  let length = 0;
  const table = weights.get(EMBEDDING)!.data;
  const width = config.hiddenSize;
  return {
    feed: async (ids) => {
      length += ids[0]!.length;
      const embedded = ids.flat().flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]);
      const { logits, final, ...present } = await program.run({
        embedded: f32([rows, ids[0]!.length, width], embedded),
        last: tensor("i32", [rows], new Int32Array(rows).fill(length - 1)),
        longest: tensor("i32", [], Int32Array.of(length)),
        ...past,
        ...extra,
      });
      past = Object.fromEntries(
        names.flatMap(({ key, value, nextKey, nextValue }) => [
          [key, present[nextKey]!],
          [value, present[nextValue]!],
        ]),
      );
      return { logits: logits!.data as Float32Array, final: final!.data as Float32Array };
    },
    dispose: () => program.dispose(),
  };
}
