import { TrimtabError } from "../../shared/errors.ts";
import type { Graph } from "../../shared/graph/graph.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import { elementCount, f32, type Tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";
import { adamwPageGraph, adamwPartGraph, gradientNormGraph, PAGE, slots } from "../optim/adamw.ts";
import { keptGraph } from "./kept-graphs.ts";
import type { OptimizerUpdate, UpdateOptions } from "./update.ts";

/** Tensors with fewer numbers stay in memory, as in bitsandbytes' paged optimizers. */
const SMALLEST_PAGED = 100_000;
/** How many numbers are updated at a time. */
export const PAGE_ELEMENTS = 1 << 18;

interface PagedParameter {
  readonly parameter: Parameter;
  readonly count: number;
  /** Where its moments start in the store. */
  readonly m: number;
  readonly v: number;
}

/** The parameters whose moments leave memory: the large ones, in order, for which the limit leaves no room. */
export function pagedParameters(parameters: readonly Parameter[], memoryLimit: number): PagedParameter[] {
  let [inMemory, stored] = [0, 0];
  return parameters.flatMap((parameter) => {
    const count = elementCount(parameter.shape);
    if (count < SMALLEST_PAGED) return [];
    const bytes = 2 * Float32Array.BYTES_PER_ELEMENT * count;
    if (inMemory + bytes <= memoryLimit) {
      inMemory += bytes;
      return [];
    }
    const m = stored;
    stored += 2 * count;
    return [{ parameter, count, m, v: m + count }];
  });
}

/**
 * AdamW with the moments of large tensors in a store, brought in page by page (paged optimizers: Dettmers et al. 2023). The
 * results equal those of the in-memory update to the last bit.
 *
 * The store is the only thing in a run that a step changes in place: an older state's paged moments are gone, and reading them
 * throws `internal_error`. A checkpoint reads them one tensor at a time.
 */
export async function createPagedUpdate({
  parameters,
  optimizer,
  compile,
  paging: { store, memoryLimit },
}: Required<UpdateOptions>): Promise<OptimizerUpdate> {
  const paged = pagedParameters(parameters, memoryLimit);
  const elsewhere = new Set(paged.map(({ parameter }) => parameter.name));
  const resident = parameters.filter(({ name }) => !elsewhere.has(name));
  const kept = (name: string, build: () => Graph) => compile(keptGraph({ parameters, optimizer }, name, build));
  const norm = await kept("norm", () => gradientNormGraph(parameters));
  const residents =
    resident.length === 0
      ? undefined
      : await kept(`resident within ${memoryLimit}`, () => adamwPartGraph(resident, optimizer));
  const page = await kept("page", () => adamwPageGraph(PAGE_ELEMENTS, optimizer));
  const residentSlots = resident.flatMap(({ name }) => Object.values(slots(name)));
  let updates = 0;

  /** A moment in the store; it can be read only until the next step. */
  function inStore(shape: readonly number[], start: number, count: number): Tensor<"f32"> {
    const of = updates;
    return {
      dtype: "f32",
      shape,
      get data() {
        if (of !== updates) {
          throw new TrimtabError("internal_error", "the moments of an earlier step are no longer in the page store");
        }
        const values = new Float32Array(count);
        store.read(start, values);
        return values;
      },
    };
  }

  function stored(): NamedTensors {
    return Object.fromEntries(
      paged.flatMap(({ parameter: { name, shape }, count, m, v }) => [
        [slots(name).m, inStore(shape, m, count)],
        [slots(name).v, inStore(shape, v, count)],
      ]),
    );
  }

  async function updatePages(
    { parameter, count, m, v }: PagedParameter,
    { tensors, gradients, scalars }: Parameters<OptimizerUpdate["run"]>[0],
  ): Promise<Tensor<"f32">> {
    const { name, shape, rate = 1, decay } = parameter;
    const names = slots(PAGE);
    const value = tensors[name]!.data as Float32Array;
    const gradient = gradients[slots(name).gradient]!.data as Float32Array;
    const constants = { rate: f32([], [rate]), weight_decay: f32([], [decay ? optimizer.weightDecay : 0]) };
    const moved = new Float32Array(count);
    for (let start = 0; start < count; start += PAGE_ELEMENTS) {
      const length = Math.min(PAGE_ELEMENTS, count - start);
      // The last page is padded with zeros, which the update leaves at zero.
      const filled = (fill: (numbers: Float32Array) => void) => {
        const numbers = new Float32Array(PAGE_ELEMENTS);
        fill(numbers.subarray(0, length));
        return f32([PAGE_ELEMENTS], numbers);
      };
      const results = await page.run({
        [names.parameter]: filled((numbers) => numbers.set(value.subarray(start, start + length))),
        [names.gradient]: filled((numbers) => numbers.set(gradient.subarray(start, start + length))),
        [names.m]: filled((numbers) => store.read(m + start, numbers)),
        [names.v]: filled((numbers) => store.read(v + start, numbers)),
        ...scalars,
        ...constants,
      });
      const result = (slot: string) => (results[slot]!.data as Float32Array).subarray(0, length);
      moved.set(result(names.parameter), start);
      store.write(m + start, result(names.m));
      store.write(v + start, result(names.v));
    }
    return f32(shape, moved);
  }

  return {
    adopt(tensors) {
      for (const { parameter, m, v } of paged) {
        const names = slots(parameter.name);
        store.write(m, tensors[names.m]!.data as Float32Array);
        store.write(v, tensors[names.v]!.data as Float32Array);
      }
      return { ...tensors, ...stored() };
    },
    async run({ tensors, gradients, scalars }) {
      const { grad_norm: gradNorm } = await norm.run(gradients);
      const step = { tensors, gradients, scalars: { ...scalars, grad_norm: gradNorm! } };
      const own = Object.fromEntries(residentSlots.map((slot) => [slot, (tensors[slot] ?? gradients[slot])!] as const));
      const results: Record<string, Tensor> = { ...(await residents?.run({ ...own, ...step.scalars })) };
      const moved: [string, Tensor][] = [];
      for (const one of paged) moved.push([one.parameter.name, await updatePages(one, step)]);
      updates++;
      return { ...results, ...Object.fromEntries(moved), ...stored(), grad_norm: gradNorm! };
    },
  };
}
