import type { Graph } from "../../shared/graph/graph.ts";
import { elementCount, type Tensor } from "../../shared/tensor.ts";
import type { CompileOptions, Executor, Feeds } from "../../trainer/engines/executor.ts";
import { ADAMW_DEFAULTS } from "../../trainer/optim/adamw.ts";
import type { Array64 } from "../contract/array64.ts";
import { interpret } from "../contract/interpreter.ts";

/**
 * Computes graphs in float64 by their specification. Its f32 tensors hold float64 numbers, so that what is built on it keeps them as
 * long as it copies arrays by their own kind. Scalars of a graph are what the source wrote, such as 0.9, and not what 32 bits leave.
 */
export const float64Executor: Executor = {
  name: "onnxruntime",
  backend: "float64",
  async compile(given: Graph, { bindings = new Map() }: CompileOptions = {}) {
    const graph = { ...given, constants: new Map([...given.constants].map(([value, data]) => [value, written(data)])) };
    const bound = Object.fromEntries([...bindings].map(([name, tensor]) => [name, wide(tensor)]));
    return {
      async run(feeds: Feeds) {
        const fed = Object.entries(feeds as Readonly<Record<string, Tensor>>).map(([name, feed]) => [name, wide(feed)]);
        const given = { ...bound, ...Object.fromEntries(fed), ...corrections(feeds) };
        const outputs = interpret(graph, given, { matmul, ...ELEMENTWISE });
        return Object.fromEntries(
          graph.outputs.map(({ name, value: { dtype } }) => {
            const { shape, data } = outputs[name]!;
            return [name, { dtype, shape, data } as unknown as Tensor];
          }),
        );
      },
      async hold() {
        throw new Error("nothing is held in float64");
      },
      async dispose() {},
    };
  },
  async createCache() {
    throw new Error("there are no caches in float64");
  },
};

const wide = ({ shape, data }: Tensor): Array64 => ({
  shape,
  data: data instanceof Float64Array ? data : Float64Array.from(data as ArrayLike<number | bigint>, Number),
});

function written(tensor: Tensor): Tensor {
  const { dtype, shape, data } = tensor;
  if (dtype !== "f32" || data.length !== 1) return tensor;
  const value = Number(data[0]);
  const shortest = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digits) => Number(value.toPrecision(digits)));
  const number = shortest.find((one) => Math.fround(one) === value) ?? value;
  return { dtype, shape, data: Float64Array.of(number) } as unknown as Tensor;
}

/** Adam's corrections of its first and second moment, which the loop hands over in 32 bits, for the default betas. */
function corrections(feeds: Feeds): Record<string, Array64> {
  const { correction1 } = feeds as Readonly<Record<string, Tensor>>;
  if (correction1 === undefined) return {};
  const { beta1, beta2 } = ADAMW_DEFAULTS;
  const step = Math.round(Math.log(1 - Number(correction1.data[0])) / Math.log(beta1));
  const scalar = (value: number): Array64 => ({ shape: [], data: Float64Array.of(value) });
  return { correction1: scalar(1 - beta1 ** step), correction2: scalar(Math.sqrt(1 - beta2 ** step)) };
}

type Evaluate = (inputs: readonly Array64[], attrs: unknown, shapes: readonly (readonly number[])[]) => Array64[];

/** The same sums in the same order as the specification's, without an array for each index. */
const matmul: Evaluate = ([a, b], attrs, [shape]) => {
  const { transA, transB } = attrs as { transA: boolean; transB: boolean };
  const [m, n] = shape!.slice(-2) as [number, number];
  const inner = a!.shape.at(transA ? -2 : -1)!;
  const batch = shape!.slice(0, -2);
  const data = new Float64Array(elementCount(shape!));
  const steps = [a!, b!].map((x) => stridesFor(x.shape.slice(0, -2), batch));
  for (let index = 0; index < elementCount(batch); index++) {
    const [ofA, ofB] = steps.map((strides) => offsetOf(index, batch, strides));
    const [startA, startB] = [ofA! * m * inner, ofB! * inner * n];
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          const left = a!.data[startA + (transA ? k * m + row : row * inner + k)]!;
          sum += left * b!.data[startB + (transB ? column * inner + k : k * n + column)]!;
        }
        data[(index * m + row) * n + column] = sum;
      }
    }
  }
  return [{ shape: shape!, data }];
};

const elementwise =
  (f: (x: number, y: number) => number): Evaluate =>
  ([x, y], _, [shape]) => {
    const [left, right] = [stridesFor(x!.shape, shape!), stridesFor(y!.shape, shape!)];
    const data = new Float64Array(elementCount(shape!));
    const same = [x!, y!].every((one) => one.data.length === data.length);
    for (let index = 0; index < data.length; index++) {
      const [i, j] = same ? [index, index] : [offsetOf(index, shape!, left), offsetOf(index, shape!, right)];
      data[index] = f(x!.data[i]!, y!.data[j]!);
    }
    return [{ shape: shape!, data }];
  };

const ELEMENTWISE = {
  add: elementwise((x, y) => x + y),
  sub: elementwise((x, y) => x - y),
  mul: elementwise((x, y) => x * y),
  div: elementwise((x, y) => x / y),
};

/** Steps in an operand's data for each axis of the result; 0 where it is broadcast. */
function stridesFor(own: readonly number[], shape: readonly number[]): number[] {
  const lead = shape.length - own.length;
  let stride = 1;
  const strides = shape.map(() => 0);
  for (let axis = own.length - 1; axis >= 0; axis--) {
    strides[axis + lead] = own[axis] === 1 ? 0 : stride;
    stride *= own[axis]!;
  }
  return strides;
}

function offsetOf(index: number, shape: readonly number[], strides: readonly number[]): number {
  let [rest, offset] = [index, 0];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    offset += (rest % size) * strides[axis]!;
    rest = Math.floor(rest / size);
  }
  return offset;
}
