import { type FileTensor, type SafetensorsTensor, toF32 } from "../formats/safetensors.ts";
import { SAFETENSORS_DTYPES } from "../formats/safetensors-header.ts";

/** Values `start` … `end` − 1 of an F32, F16 or BF16 tensor in a file, in float32. Do not write to the result. */
export function fileValues(tensor: SafetensorsTensor, start: number, end: number): Float32Array {
  if ("part" in tensor) return toF32((tensor as FileTensor).part(start, end));
  const width = SAFETENSORS_DTYPES[tensor.dtype];
  return toF32({ ...tensor, shape: [end - start], bytes: tensor.bytes.subarray(start * width, end * width) });
}
