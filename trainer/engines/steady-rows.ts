import type { Graph, NodeOf } from "../../shared/graph/graph.ts";
import type { Dim } from "../../shared/graph/value-type.ts";

/** onnxruntime adds up products of at most this length in one go, so that how it divides them cannot matter. */
const ONE_GO = 128;
/** With more columns than this for each thread, every thread's share is divided as the whole is. */
const COLUMNS_PER_THREAD = 80;

/**
 * The most threads, up to those given, on which onnxruntime adds up every matrix product of a graph in an order that does not
 * depend on how many rows it has, given at least two. `bound` are the inputs that are baked into the model.
 *
 * A kernel adds up in blocks, whose length depends on the number of columns that its thread computes: threads share the columns
 * if there are more of them than rows, else the rows, so a narrow product of few rows can be divided otherwise than one of many.
 * Matrices that are part of the model are packed, in blocks of one length.
 */
export function steadyThreads(graph: Graph, threads: number, bound: (input: string) => boolean): number {
  const packed = new Set(graph.inputs.filter(({ name }) => bound(name)).map(({ value }) => value));
  const open = graph.nodes.flatMap((node) => {
    if (node.op !== "matmul") return [];
    const product = node as NodeOf<"matmul">;
    return packed.has(product.inputs[1]!) ? [] : [product];
  });
  let most = threads;
  while (most > 1 && !open.every((product) => isSteady(product, most))) most -= 1;
  return most;
}

function isSteady({ inputs: [left, right], outputs, attrs }: NodeOf<"matmul">, threads: number): boolean {
  const [rows, columns] = [outputs[0]!.shape.at(-2)!, outputs[0]!.shape.at(-1)!];
  const length = left!.shape.at(attrs.transA ? -2 : -1)!;
  if (typeof length === "number" && length <= ONE_GO) return true;
  // Several matrices are shared out whole, and rows before the last axis are rows of one product with a single matrix.
  const before = outputs[0]!.shape.slice(0, -2);
  if (right!.shape.length > 2 && atLeast(before) >= threads) return true;
  const products = right!.shape.length > 2 ? [rows] : [...before, rows];
  if (typeof columns === "string") return false;
  return columns <= 16 || columns >= COLUMNS_PER_THREAD * threads || atLeast(products) >= columns;
}

/** The least that a product of dimensions can be. */
function atLeast(dims: readonly Dim[]): number {
  return dims.reduce<number>((product, dim) => product * (typeof dim === "number" ? dim : 1), 1);
}
