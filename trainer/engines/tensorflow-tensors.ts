import * as tf from "@tensorflow/tfjs-core";
import { TrimtabError } from "../../shared/errors.ts";
import type { DType, Tensor } from "../../shared/tensor.ts";
import { tfType } from "./tensorflow-ops.ts";

/** Gives a tensor to tfjs, which may keep reading its array. Throws `invalid_graph` for integers beyond 32 bits. */
export function upload(name: string, { dtype, shape, data }: Tensor): tf.Tensor {
  const type = tfType(dtype);
  const array =
    dtype === "i64" ? narrow(name, data as BigInt64Array) : dtype === "u8" ? Int32Array.from(data as Uint8Array) : data;
  return tf.tensor(array as tf.TypedArray, [...shape], type);
}

/** Reads a tensor back as the graph's type, into memory that the caller owns. */
export async function download(source: tf.Tensor, dtype: DType): Promise<Tensor> {
  const data = await source.data();
  const shape = source.shape;
  switch (dtype) {
    case "i64":
      return { dtype, shape, data: BigInt64Array.from(data, BigInt) };
    case "u8":
    case "bool":
      return { dtype, shape, data: Uint8Array.from(data) };
    case "i32":
      return { dtype, shape, data: Int32Array.from(data) };
    default:
      // The CPU backend returns its own array, or even the one that was fed.
      return { dtype, shape, data: Float32Array.from(data) };
  }
}

function narrow(name: string, data: BigInt64Array): Int32Array {
  const result = new Int32Array(data.length);
  data.forEach((value, i) => {
    if (BigInt.asIntN(32, value) !== value) {
      throw new TrimtabError("invalid_graph", `${name} holds ${value}, but TensorFlow.js has 32-bit integers only`);
    }
    result[i] = Number(value);
  });
  return result;
}
