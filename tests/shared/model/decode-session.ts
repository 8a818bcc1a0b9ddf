import {
  cacheNames,
  cacheWidth,
  type DecodeGraphOptions,
  decodeGraph,
  tapOutput,
} from "../../../shared/model/decode-graph.ts";
import { EMBEDDING } from "../../../shared/model/modules.ts";
import { f32, i64, type Tensor, tensor, zeros } from "../../../shared/tensor.ts";
import { takenBy } from "../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { goldenModel } from "./golden-models.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

/** What a run gives: of every row's last token, or of every candidate. */
export interface Decoded {
  readonly logits: Float32Array;
  readonly final: Float32Array;
  /** By the name of the tap. */
  readonly taps: Readonly<Record<string, Float32Array>>;
}

export interface OpenDecoder {
  /** Feeds the next tokens of every row, `ids` [rows][new]. */
  readonly feed: (ids: readonly (readonly number[])[]) => Promise<Decoded>;
  /** What each of these tokens would give as the next one of the only row, which stays as it is. */
  readonly probe: (ids: readonly number[]) => Promise<Decoded>;
  readonly dispose: () => Promise<void>;
}

/** The decode graph with its caches carried from call to call; `extra` are the inputs of its features. */
export async function openDecoder(
  { config, weights }: Awaited<ReturnType<typeof goldenModel>>,
  options: DecodeGraphOptions & { readonly rows: number; readonly extra?: Readonly<Record<string, Tensor>> },
): Promise<OpenDecoder> {
  const { rows, capacity, taps = [], extra = {} } = options;
  const compile = (probe: boolean) => {
    const graph = decodeGraph(config, { ...options, probe });
    return executor.compile(graph, { bindings: takenBy(graph, weights) });
  };
  const [step, side] = [await compile(false), await compile(true)];
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
  const inputs = (ids: readonly (readonly number[])[]) => {
    const embedded = ids.flat().flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]);
    const total = length + ids[0]!.length;
    return {
      embedded: f32([rows, ids[0]!.length, width], embedded),
      last: tensor("i32", [rows], new Int32Array(rows).fill(total - 1)),
      longest: tensor("i32", [], Int32Array.of(total)),
      ...past,
      ...extra,
    };
  };
  const decoded = ({ logits, final, ...others }: Readonly<Record<string, Tensor>>): Decoded => ({
    logits: logits!.data as Float32Array,
    final: final!.data as Float32Array,
    taps: Object.fromEntries(taps.map((name) => [name, others[tapOutput(name)]!.data as Float32Array])),
  });
  return {
    feed: async (ids) => {
      const results = await step.run(inputs(ids));
      length += ids[0]!.length;
      past = Object.fromEntries(
        names.flatMap(({ key, value, nextKey, nextValue }) => [
          [key, results[nextKey]!],
          [value, results[nextValue]!],
        ]),
      );
      return decoded(results);
    },
    probe: async (ids) => {
      const [count, total] = [ids.length, length + ids.length];
      const bias = Array.from({ length: count * total }, (_, i) => {
        const [candidate, place] = [Math.floor(i / total), i % total];
        return place < length || place === length + candidate ? 0 : -1e9;
      });
      return decoded(
        await side.run({
          ...inputs([ids]),
          positions: i64([1, count], new Array<number>(count).fill(length)),
          bias: f32([1, 1, count, total], bias),
        }),
      );
    },
    dispose: async () => {
      await Promise.all([step.dispose(), side.dispose()]);
    },
  };
}
